import type { Weather } from '../weather.ts'

/** A piece of the engine's text, and what stands there with the bug in it. */
export interface Edit {
  /** From the repository's root. */
  file: string
  /** Must be there exactly once. */
  text: string
  bug: string
}

export interface Bug {
  name: string
  edits: Edit[]
  /** In which weather it shows soon; any weather when absent. */
  focus?: Partial<Weather>
  /** The product's engine loses as much. */
  accepted?: true
}

const putApplier = 'syncer/engine/intake/put-applier.ts'
const offers = 'syncer/engine/offer/offers.ts'
const puts = 'syncer/engine/offer/puts.ts'
const putAnswers = 'syncer/engine/offer/put-answers.ts'
const handshake = 'syncer/engine/contact/handshake.ts'
const contact = 'syncer/engine/contact/contact.ts'
const exchange = 'syncer/engine/exchange/exchange.ts'
const copiesBeside = 'syncer/engine/intake/copies-beside.ts'
const receiver = 'syncer/engine/receiver.ts'
const ledger = 'syncer/session/state/ledger.ts'
const reconcile = 'syncer/core/reconcile.ts'
const apply = 'syncer/endpoint/apply.ts'
const replace = 'syncer/endpoint/replace.ts'
const handOut = 'syncer/endpoint/hand-out.ts'
const fileStat = 'syncer/endpoint/file-stat.ts'
const trash = 'syncer/endpoint/trash.ts'
const lateLooks = 'syncer/endpoint/late-looks.ts'
const stamps = 'syncer/endpoint/stamps.ts'
const replica = 'syncer/endpoint/replica.ts'
const assemblies = 'syncer/endpoint/assemblies.ts'
const buildReading = 'syncer/engine/transfer/build-reading.ts'
const patching = 'syncer/endpoint/patching.ts'

/** Nothing breaks but what is set beside it. */
const undisturbed = {
  cut: 0,
  crash: 0,
  crashInside: 0,
  errorInside: 0,
  powerCut: 0,
  newPod: 0,
  volumeRollback: 0,
  stateRestored: 0,
  longPause: 0,
  hintLost: 0,
} satisfies Partial<Weather>

/** One file that goes back and forth between a few contents, over a slow network. */
export const undoing: Partial<Weather> = {
  ...undisturbed,
  paths: ['f'],
  ignored: undefined,
  steps: 1_000,
  deeds: { save: 1, undo: 9 },
  exchangeWorks: false,
  pace: { act: 2, deliver: 2, tick: 4, hint: 5 },
}

/** Files of a few dozen bytes are large, in blocks of eight. */
export const blocks: Partial<Weather> = {
  grain: { smallBytesMax: 24, blockBytes: 8 },
  bigBytes: 100,
  deeds: {
    save: 2,
    edit: 8,
    saveBig: 8,
    inPlace: 3,
    overwrite: 2,
    append: 6,
    openForLater: 3,
    continueWriting: 8,
    remove: 3,
    move: 5,
    removeAll: 1,
    chmod: 2,
    undo: 3,
    touch: 1,
  },
}

/** Every rule of the protocol that can be broken by a slip in the engine, broken. */
export const bugs: Bug[] = [
  {
    name: 'no base check',
    edits: [
      {
        file: reconcile,
        text: `return current === put.base || mode === 'push' ? 'apply' : 'reject'`,
        bug: `return mode === 'pull' ? 'reject' : 'apply'`,
      },
      { file: reconcile, text: `if (remote === absent) return 'push'`, bug: `return 'pull'` },
    ],
  },
  {
    name: 'two PUTs of one path in flight',
    edits: [
      {
        file: offers,
        text: 'if (flight !== undefined || x.holds.has(entry) || goesAhead) return',
        bug: 'if (x.holds.has(entry) || goesAhead) return',
      },
    ],
    focus: undoing,
  },
  {
    name: 'what is built of a longer file keeps its end',
    edits: [{ file: patching, text: 'basis.file!.resize(message.size)', bug: '' }],
    focus: blocks,
  },
  {
    name: 'one end leaves a block out, and the other does not compare what it built with its hash',
    edits: [
      { file: assemblies, text: 'if (!isProven || ', bug: 'if (' },
      {
        file: buildReading,
        text: 'const theirs = this.valueAt(this.compared.values, block)\n    if (theirs.length > 0) return',
        bug: 'const theirs = this.valueAt(this.compared.values, block)\n    if (theirs.length > 0 && block % 5 === 0) return true\n    if (theirs.length > 0) return',
      },
    ],
    focus: blocks,
  },
  {
    name: 'answers on another lane than changes',
    edits: [
      {
        file: exchange,
        text: `send: message => options.send('control', message)`,
        bug: `send: message => options.send(message.type === 'ack' || message.type === 'rej' ? 'bulk' : 'control', message)`,
      },
      {
        file: receiver,
        text: `if (isArrival(message) !== (lane === 'bulk')) throw new ProtocolError(\`\${message.type} on the \${lane} lane\`)`,
        bug: '',
      },
    ],
    focus: undoing,
  },
  {
    name: 'the ancestor moves when the change is sent',
    edits: [
      {
        file: puts,
        text: `    x.send('control', message)\n    this.order.wakeChildren(entry)`,
        bug: `    x.send('control', message)\n    x.agree(entry, data)\n    this.order.wakeChildren(entry)`,
      },
    ],
  },
  {
    name: 'what is being applied is on record as the ancestor',
    edits: [
      {
        file: putApplier,
        text: '    const staged = contentOf(x.replica, entry, put, current)\n    const outcome',
        bug: `    x.record({ type: 'agreed', path: put.path, token: put.data })
    x.commit()
    const staged = contentOf(x.replica, entry, put, current)
    const outcome`,
      },
    ],
    focus: { crashInside: 0.01, powerCut: 0, newPod: 0, volumeRollback: 0, stateRestored: 0 },
  },
  {
    name: 'a late answer counts after an undo',
    edits: [{ file: putAnswers, text: 'if (!flight.stale) x.answered', bug: 'x.answered' }],
    focus: {
      ...undoing,
      clockStep: 0,
      pace: { act: 3, deliver: 2, tick: 8, hint: 8 },
      exchangeWorks: true,
      early: false,
    },
  },
  {
    name: 'no look is racy',
    edits: [
      {
        file: stamps,
        text: 'return stat.ctimeNs >= readStartedNs - this.disk.timestampGranuleNs',
        bug: 'return false',
      },
    ],
    focus: {
      ...undisturbed,
      steps: 300,
      longPause: 0.005,
      tickNs: 10_000_000n,
      storedStepNs: 2_000_000_000n,
      peopleInside: 0.1,
      deeds: { overwrite: 1 },
      pace: { act: 1, deliver: 6, tick: 3, hint: 3 },
    },
  },
  {
    name: 'ancestors stay valid after a power cut',
    edits: [
      {
        file: ledger,
        text: 'if (this.otherBoot && this.boot !== undefined) {',
        bug: 'if (this.otherBoot && this.boot !== undefined && this.checkpoints < 0) {',
      },
    ],
    focus: { ...undisturbed, steps: 500, powerCut: 0.01, deeds: { save: 3, overwrite: 1 } },
  },
  {
    name: 'a delete checks, then unlinks',
    edits: [
      {
        file: apply,
        text: '    const kept = this.trash.nameFor(path, expected, absent)\n    this.disk.rename(inTree(path), inOwn(kept))',
        bug: `    const now = this.disk.stat(inTree(path))
    if (now === null || !sameButLinks(now, before)) return changed
    this.disk.unlink(inTree(path))
    if (now !== null) return done
    const kept = ''`,
      },
    ],
    focus: {
      ...undisturbed,
      steps: 300,
      longPause: 0.1,
      peopleInside: 0.2,
      deeds: { save: 3, remove: 2 },
      pace: { act: 0.2, deliver: 6, tick: 3, hint: 3 },
    },
  },
  {
    name: 'a creation may replace',
    edits: [
      {
        file: handOut,
        text: '      this.disk.link(inOwn(own), inTree(path))\n    } catch',
        bug: '      this.disk.rename(inOwn(own), inTree(path))\n      return\n    } catch',
      },
    ],
    focus: { ...undisturbed, steps: 400, peopleInside: 0.1, deeds: { save: 2, remove: 2 } },
  },
  {
    name: 'no second look before the rename',
    edits: [
      {
        file: replace,
        text: 'const isKnown = (now: Stat) => sameButLinks(now, before) && trashed?.ino === now.ino',
        bug: 'const isKnown = (_: Stat) => trashed !== undefined',
      },
    ],
    focus: { ...undisturbed, steps: 400, peopleInside: 0.1, exchangeWorks: false, paths: ['f'], deeds: { save: 1 } },
  },
  {
    name: 'no trash link',
    edits: [
      {
        file: replace,
        text: 'const linked = this.linkToTrash(path, kept)',
        bug: 'const linked = false as boolean',
      },
    ],
    focus: { exchangeWorks: false, deeds: { openForLater: 1, continueWriting: 2, save: 1, overwrite: 1 } },
  },
  {
    name: 'trash is not compared with its name at a start',
    edits: [
      {
        file: trash,
        text: 'const isNamed = token !== undefined && tokenTag(token).slice(1) === parsed.tag.slice(1)',
        bug: 'const isNamed = token !== undefined',
      },
      {
        file: trash,
        text: 'this.keep(name, path, parsed.tag)\n',
        bug: 'this.keep(name, path, token!)\n',
      },
    ],
    focus: { crashInside: 0.01, peopleInside: 0.1, steps: 400 },
  },
  {
    name: 'rescued trash is read again after its copy was made',
    edits: [
      {
        file: apply,
        text: 'return this.handOut.bringBack(own, names)',
        bug: 'return this.save(names, this.copy({ own }, 0o644))',
      },
      {
        file: lateLooks,
        text: '    const judged = this.judge(kept, stat)',
        bug: `    if (this.unsaved.delete(kept.name)) kept.token = this.in.content.tokenOf(kept.name, stat) ?? kept.token
    const judged = this.judge(kept, stat)`,
      },
    ],
  },
  {
    name: 'the stat after an apply is trusted',
    edits: [
      {
        file: apply,
        text: `const ours = kindOf(data) === 'link' ? stat.kind === 'link' : sameButLinks(stat, from.stat)`,
        bug: 'const ours = from !== undefined',
      },
      { file: apply, text: 'entry.racy = isStampRacy(this.disk, stat)', bug: 'entry.racy = false' },
    ],
    focus: { ...undisturbed, peopleInside: 0.1, deeds: { save: 1 }, pace: { act: 0.1, deliver: 6, tick: 3, hint: 3 } },
  },
  {
    name: 'the second look compares no inode',
    edits: [
      {
        file: replace,
        text: 'sameButLinks(now, before) && trashed?.ino === now.ino',
        bug: 'now.kind === before.kind && now.size === before.size',
      },
    ],
    focus: { ...undisturbed, steps: 400, peopleInside: 0.1, exchangeWorks: false, paths: ['f'], deeds: { save: 1 } },
  },
  {
    name: 'no mode in the proof after an apply',
    edits: [{ file: fileStat, text: ' && a.size === b.size && a.mode === b.mode\n', bug: ' && a.size === b.size\n' }],
    focus: {
      ...undisturbed,
      steps: 400,
      peopleInside: 0.1,
      paths: ['f', 'g'],
      deeds: { save: 2, remove: 2, chmod: 12 },
    },
  },
  {
    name: 'nobody looks into the trash later',
    edits: [{ file: lateLooks, text: "    if (judged === 'other') {", bug: '    if (kept.looks < 0) {' }],
  },
  {
    name: 'a full folder goes at the laptop',
    edits: [
      {
        file: apply,
        text: '        this.disk.rmdir(path)\n',
        bug: "        const all = (at: Path): void => { for (const { name, kind } of this.disk.list(at)) { if (kind === 'dir') all(joinPath(at, name)); else this.disk.unlink(inTree(joinPath(at, name))) } this.disk.rmdir(at) }\n        all(path)\n",
      },
    ],
  },
  {
    name: 'the conflict copy is not made durable',
    edits: [
      {
        file: apply,
        text: '        this.place(from, path)\n        this.disk.sync(inTree(path))\n',
        bug: '        this.place(from, path)\n',
      },
    ],
    focus: { ...undisturbed, steps: 500, powerCut: 0.01, gentle: true },
  },
  {
    name: 'what takes the place of a conflict copy is not made durable',
    edits: [
      {
        file: copiesBeside,
        text: "    if (outcome.result === 'done') disk.sync(inTree(path))\n",
        bug: '',
      },
    ],
    focus: { ...undisturbed, steps: 500, powerCut: 0.01, gentle: true },
  },
  {
    name: 'ancestors count from the last checkpoint on',
    edits: [{ file: ledger, text: 'const checkpointsToTrust = 3', bug: 'const checkpointsToTrust = 1' }],
    focus: { ...undisturbed, steps: 500, powerCut: 0.01, longPause: 0.05, gentle: true },
  },
  {
    name: 'another pod is taken for the one that was known',
    edits: [
      {
        file: contact,
        text: `if (copy === 'known') return this.settleKnown()`,
        bug: `if (copy !== 'behind') return this.settleKnown()`,
      },
    ],
    focus: { ...undisturbed, steps: 400, newPod: 0.01, cut: 0.02 },
  },
  {
    name: 'an older marker is taken for the one that was known',
    edits: [
      {
        file: contact,
        text: `  if (epochs.includes(marker.epoch)) return 'known'`,
        bug: `  if (epochs.some(epoch => epoch >= marker.epoch)) return 'known'`,
      },
    ],
    focus: { ...undisturbed, steps: 400, volumeRollback: 0.01, cut: 0.01 },
  },
  {
    name: 'a newer marker means first contact',
    edits: [
      {
        file: contact,
        text: `every(epoch => epoch < marker.epoch) ? 'behind' : 'first'`,
        bug: `every(epoch => epoch < marker.epoch) ? 'first' : 'first'`,
      },
    ],
    focus: { ...undisturbed, steps: 400, stateRestored: 0.01, cut: 0.01 },
  },
  {
    name: 'an agent without memory is not doubted',
    edits: [{ file: contact, text: 'podRemembers ? settled : this.doubt(path, current, settled)', bug: 'settled' }],
    focus: { ...undisturbed, steps: 400, volumeRollback: 0.01, longPause: 0.001 },
  },
  {
    name: 'changes flow before the marker is written',
    edits: [
      {
        file: handshake,
        text: `    this.x.send('control', { type: 'epoch', marker: raised })\n  }\n\n  private noteMode`,
        bug: `    this.x.send('control', { type: 'epoch', marker: raised })
    this.laptopContact.sendBases(this.bases!)
    this.bases = undefined
    this.goLive()
  }

  private noteMode`,
      },
    ],
    focus: { cut: 0.05, errorInside: 0.01 },
  },
  {
    name: 'hashes stay when the wall clock is set back',
    edits: [
      { file: replica, text: 'if (this.clockSteps.wentBack()) this.looker.clockWentBack(this.tree.walk())', bug: '' },
    ],
    focus: {
      ...undisturbed,
      tickNs: 10_000_000n,
      storedStepNs: 2_000_000_000n,
      longPause: 0.02,
      clockStep: 0.1,
      steps: 400,
      ignored: undefined,
      paths: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'],
      deeds: { overwrite: 1 },
      pace: { act: 1, deliver: 6, tick: 3, hint: 3 },
    },
  },
  {
    name: 'with push the pod refuses what it has changed itself',
    edits: [{ file: reconcile, text: "current === put.base || mode === 'push' ?", bug: 'current === put.base ?' }],
    focus: { ...undisturbed, policies: [{ mode: 'push' }] },
  },
  {
    name: 'content that went ahead is named whatever stands there',
    edits: [
      { file: 'syncer/engine/offer/early-content.ts', text: 'sent.token !== token || sent.atMs', bug: 'sent.atMs' },
    ],
    focus: { ...undisturbed, early: true, paths: ['f', 'g'], ignored: undefined },
  },
  {
    // The loss that is accepted where names cannot be exchanged (docs/decisions/0012-accepted-loss.md).
    accepted: true,
    name: 'a save by rename between look and rename',
    edits: [],
    focus: {
      ...undisturbed,
      steps: 400,
      windowOpen: true,
      exchangeWorks: false,
      peopleInside: 0.1,
      paths: ['f'],
      deeds: { save: 1 },
    },
  },
]
