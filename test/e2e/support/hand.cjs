// Somebody at work in a folder, on the laptop or inside a container: requests arrive as JSON lines on stdin, answers leave on stdout.
// It runs with `node -e`, so it must not depend on any other file.
const fs = require('node:fs')
const path = require('node:path')
const { createHash } = require('node:crypto')
const net = require('node:net')

// in the embedded cluster a container's root is a folder of this machine
const root = process.env.PODSWAP_ROOT ?? ''
const inRoot = value => (typeof value === 'string' && path.isAbsolute(value) ? root + value : value)
const placed = request => ({
  ...request,
  ...Object.fromEntries(['file', 'dir', 'from', 'to'].filter(key => key in request).map(key => [key, inRoot(request[key])])),
  ...(request.files && { files: request.files.map(inRoot) }),
})

// all processes of the machine are seen there: those of the container have this in their environment
const mark = process.env.PODSWAP_RUN ? `PODSWAP_RUN=${process.env.PODSWAP_RUN}\0` : ''

function environmentOf(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

const now = () => performance.timeOrigin + performance.now()
const ours = '.podswap'

const hands = {
  ping: () => ({ now: now() }),

  write({ file, data, how = 'atomic' }) {
    const bytes = Buffer.from(data, 'base64')
    fs.mkdirSync(path.dirname(file), { recursive: true })
    const at = now()
    if (how === 'append') fs.appendFileSync(file, bytes)
    else if (how === 'in-place') fs.writeFileSync(file, bytes)
    else {
      const temp = path.join(path.dirname(file), `.#${path.basename(file)}`)
      fs.writeFileSync(temp, bytes)
      fs.renameSync(temp, file)
    }
    return { at }
  },

  /**
   * Saves the file with a line more than it has; begins again where it has changed before that is done. `overwrote`: it
   * was changed in the last moment nevertheless, and that change is lost, as with any editor.
   */
  addLine({ file, line, how }) {
    if (how === 'append') {
      fs.appendFileSync(file, `${line}\n`)
      return { overwrote: false }
    }
    for (;;) {
      const descriptor = fs.openSync(file, 'r+')
      try {
        const before = version(file)
        const text = `${fs.readFileSync(descriptor, 'utf8')}${line}\n`
        const overwrote = how === 'in-place' ? rewrite(file, descriptor, text, before) : supersede(file, descriptor, text, before)
        if (overwrote !== undefined) return { overwrote }
      } finally {
        fs.closeSync(descriptor)
      }
    }
  },

  read({ file }) {
    try {
      return { data: fs.readFileSync(file).toString('base64') }
    } catch (error) {
      return { code: error.code }
    }
  },

  remove({ file }) {
    fs.rmSync(file, { recursive: true })
    return {}
  },

  move({ from, to }) {
    fs.renameSync(from, to)
    return {}
  },

  /** Everything below a folder: path → `d`, `f` or `x` with sha256, or `l` with the target; and stats on request. */
  tree({ dir, stats = false }) {
    const entries = {}
    walk(dir, (file, stat) => {
      const name = path.relative(dir, file)
      entries[name] = token(file, stat) + (stats ? ` ${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs}` : '')
    })
    return { entries }
  },

  /** Number of files, and the span of time in which the folder took shape, in ms by this machine's clock. */
  census({ dir }) {
    let files = 0
    let first = Infinity
    let last = -Infinity
    walk(dir, (_file, stat) => {
      if (stat.isFile()) files++
      last = Math.max(last, Number(stat.ctimeNs) / 1e6)
      first = Math.min(first, born(stat))
    })
    const private_ = fs.lstatSync(path.join(dir, ours), { bigint: true, throwIfNoEntry: false })
    if (private_) first = Math.min(first, born(private_))
    return { files, first, last }
  },

  /** One digest of these files' contents, in this order, and when the last path changed, by this machine's clock. */
  survey({ dir, paths }) {
    const hash = createHash('sha256')
    let last = -Infinity
    for (const name of paths) {
      const file = path.join(dir, name)
      const stat = fs.lstatSync(file, { bigint: true })
      last = Math.max(last, Number(stat.ctimeNs) / 1e6)
      if (stat.isFile()) hashFile(hash, file)
    }
    return { digest: hash.digest('hex'), last }
  },

  names: ({ dir }) => ({ entries: fs.readdirSync(dir) }),

  /** Makes packages of small files, as an installer does. `cpuMs` is what that took of the CPU. */
  install({ dir, count }) {
    const before = process.cpuUsage()
    const text = Buffer.alloc(2000, 'module.exports = require("./index.js")\n')
    const perFolder = 20
    for (let i = 0; i < count; i++) {
      const folder = path.join(dir, `package-${Math.floor(i / perFolder / 5)}`, `lib-${Math.floor(i / perFolder)}`)
      if (i % perFolder === 0) fs.mkdirSync(folder, { recursive: true })
      fs.writeFileSync(path.join(folder, `file-${i}.js`), text)
    }
    const { user, system } = process.cpuUsage(before)
    return { cpuMs: (user + system) / 1000 }
  },

  /** What processes have used: proc_pid_stat(5), with 100 ticks a second as on any Linux; and what they hold now, and held at most. */
  usage({ pids }) {
    const used = []
    for (const pid of pids) {
      try {
        const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8')
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
        const bytes = name => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024
        used.push({
          pid,
          cpuMs: (Number(fields[11]) + Number(fields[12])) * 10,
          rssBytes: bytes('VmRSS'),
          peakBytes: bytes('VmHWM'),
          fileBytes: bytes('RssFile'),
        })
      } catch {} // ended meanwhile
    }
    return { used }
  },

  /** Bytes in files below a folder, the engine's own included. */
  volume({ dir }) {
    let bytes = 0
    walk(dir, (_file, stat) => (bytes += stat.isFile() ? Number(stat.size) : 0), { private: true })
    return { bytes }
  },

  /** Answers as soon as the file holds the text; `at` is when it was seen. */
  expect({ file, text, deadlineMs = 20000 }) {
    return new Promise((resolve, reject) => {
      const wanted = Buffer.from(text)
      const end = now() + deadlineMs
      const watcher = watch(path.dirname(file), look)
      const timer = setInterval(look, 2)
      function look() {
        let found = false
        try {
          found = fs.readFileSync(file).includes(wanted)
        } catch {}
        if (!found && now() < end) return
        const at = now()
        clearInterval(timer)
        watcher?.close()
        found ? resolve({ at }) : reject(new Error(`${file} did not come to hold the text`))
      }
      look()
    })
  },

  /** Looks at files every millisecond until `unwatched`; keeps what should never be seen. */
  watchFiles({ files }) {
    const seen = new Map()
    let looks = 0
    const timer = setInterval(() => {
      looks++
      for (const file of files) {
        const stat = fs.statSync(file, { throwIfNoEntry: false })
        if (!stat) seen.set(file, 'missing')
        else if (stat.size === 0) seen.set(file, 'empty')
      }
    }, 1)
    hands.unwatch = () => {
      clearInterval(timer)
      return { looks, seen: Object.fromEntries(seen) }
    }
    return {}
  },

  /** Of this container. */
  processes() {
    const found = []
    for (const pid of fs.readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
      try {
        const argv = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1)
        const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8')
        const field = name => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1]
        found.push({ pid: Number(pid), parent: Number(field('PPid')), state: field('State'), uid: field('Uid'), argv })
      } catch {} // ended meanwhile
    }
    if (!mark) return { found }
    const ours = new Set(found.filter(({ pid }) => environmentOf(pid).includes(mark)).map(({ pid }) => pid))
    // of one that only waits to be reaped nothing is known but its parent
    return { found: found.filter(({ pid, parent, state }) => ours.has(pid) || (state === 'Z' && ours.has(parent))) }
  },

  kill({ pid, signal }) {
    process.kill(pid, signal)
    return {}
  },

  /** A TCP server for measurements: `e` echoes, `u` + size takes that many bytes and answers, `d` + size sends them. */
  serve({ port }) {
    return new Promise((resolve, reject) => {
      net
        .createServer(serveConnection)
        .on('error', reject)
        .listen(port, '127.0.0.1', () => resolve({}))
    })
  },
}

/** Writes into the very file that was read. Sync never writes into one that is there: it puts another in its place. */
function rewrite(file, descriptor, text, before) {
  if (version(file) !== before || !isThat(file, descriptor)) return undefined
  fs.ftruncateSync(descriptor)
  fs.writeSync(descriptor, text, 0)
  return !isThat(file, descriptor)
}

/** Puts another file in the place of the one that was read. Whoever was quicker has kept that one: it has a name still. */
function supersede(file, descriptor, text, before) {
  const temp = path.join(path.dirname(file), `.#${path.basename(file)}`)
  fs.writeFileSync(temp, text)
  if (version(file) !== before || !isThat(file, descriptor)) return undefined
  fs.renameSync(temp, file)
  return fs.fstatSync(descriptor).nlink > 0
}

function isThat(file, descriptor) {
  return fs.statSync(file, { bigint: true }).ino === fs.fstatSync(descriptor, { bigint: true }).ino
}

function hashFile(hash, file) {
  const part = Buffer.alloc(1024 * 1024)
  const descriptor = fs.openSync(file, 'r')
  try {
    for (let count; (count = fs.readSync(descriptor, part)) > 0; ) hash.update(part.subarray(0, count))
  } finally {
    fs.closeSync(descriptor)
  }
}

function version(file) {
  const { ino, size, mtimeNs, ctimeNs } = fs.statSync(file, { bigint: true })
  return [ino, size, mtimeNs, ctimeNs].join()
}

function walk(dir, visit, options = {}) {
  for (const entry of listed(dir)) {
    if (entry.name === ours && !options.private) continue
    const file = path.join(dir, entry.name)
    const stat = fs.lstatSync(file, { bigint: true, throwIfNoEntry: false })
    if (!stat) continue
    visit(file, stat)
    if (stat.isDirectory()) walk(file, visit, options)
  }
}

function listed(dir) {
  try {
    return fs.readdirSync(dir, { withFileTypes: true })
  } catch (error) {
    if (error.code === 'ENOENT') return [] // removed while we walked
    throw error
  }
}

// where the file system keeps no birth time, the oldest of the other stamps that nobody can set
function born(stat) {
  return Number(stat.birthtimeNs > 0n ? stat.birthtimeNs : stat.ctimeNs) / 1e6
}

function token(file, stat) {
  if (stat.isDirectory()) return 'd'
  if (stat.isSymbolicLink()) return `l${fs.readlinkSync(file)}`
  if (!stat.isFile()) return 'other'
  const hash = createHash('sha256').update(fs.readFileSync(file)).digest('hex')
  return (stat.mode & 0o100n ? 'x' : 'f') + hash
}

function watch(dir, look) {
  try {
    return fs.watch(dir, look).on('error', () => {})
  } catch {
    return undefined // not there yet: the timer looks
  }
}

function serveConnection(socket) {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  socket.once('data', first => {
    const kind = String.fromCharCode(first[0])
    const size = first.length >= 9 ? Number(first.readBigUInt64BE(1)) : 0
    if (kind === 'e') {
      // the first message may have come along with the header
      if (first.length > 9) socket.write(first.subarray(9))
      socket.on('data', bytes => socket.write(bytes))
    } else if (kind === 'u') takeBytes(socket, size, first.length - 9)
    else sendBytes(socket, size)
  })
}

function takeBytes(socket, size, taken) {
  socket.on('data', bytes => {
    taken += bytes.length
    if (taken >= size) socket.write('.')
  })
}

function sendBytes(socket, size) {
  const block = Buffer.alloc(256 * 1024, 'podswap ')
  let left = size
  const more = () => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block
      left -= part.length
      if (!socket.write(part)) return socket.once('drain', more)
    }
  }
  more()
}

// parts of a line that has not ended; a line may be a large file, and is put together once
let pending = []
process.stdin.setEncoding('utf8')
process.stdin.on('data', text => {
  const parts = text.split('\n')
  const last = parts.pop()
  for (const part of parts) {
    const line = [...pending, part].join('')
    pending = []
    answer(JSON.parse(line))
  }
  pending.push(last)
})
process.stdin.on('end', () => process.exit(0))
process.stdout.on('error', () => process.exit(0))

async function answer({ id, call, ...request }) {
  let reply
  try {
    reply = await hands[call](placed(request))
  } catch (error) {
    reply = { error: error.message, code: error.code }
  }
  process.stdout.write(`${JSON.stringify({ id, ...reply })}\n`)
}
