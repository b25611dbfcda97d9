// Adds up result files of vitest's JSON reporter. The last line is `N passed, N failed[, N skipped]`; right before it stands
// what failed, so that whoever sees only the end of a long output knows. A file that could not be loaded counts as one
// failure; so does a result file that is not there.
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const messageLinesMax = 15
const linesMax = 60
const lineLengthMax = 200

const files = process.argv.slice(2)
const sums = { passed: 0, failed: 0, skipped: 0 }
/** @type {{ title: string, message: string }[]} */
const failures = []
const fail = (title, message) => {
  sums.failed++
  failures.push({ title, message })
}

for (const file of files) {
  if (!existsSync(file)) {
    fail(`no results: ${file}`, '')
    continue
  }
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
  for (const { name, status, assertionResults, message } of testResults) {
    const path = relative(process.cwd(), name)
    const failed = assertionResults.filter(result => result.status === 'failed')
    for (const { status } of assertionResults) {
      if (status !== 'failed') sums[status === 'passed' ? 'passed' : 'skipped']++
    }
    for (const { fullName, failureMessages } of failed) fail(`${path}: ${fullName}`, (failureMessages ?? []).join('\n'))
    if (status === 'failed' && failed.length === 0) fail(`${path}: the file as a whole`, message ?? '')
  }
}

for (const line of linesOf(failures)) console.log(line)
const skipped = sums.skipped > 0 ? `, ${sums.skipped} skipped` : ''
console.log(`${sums.passed} passed, ${sums.failed} failed${skipped}`)
process.exit(sums.failed > 0 || sums.passed === 0 ? 1 : 0)

/** Every failure is named; where there are many, the messages of the later ones are left out. */
function linesOf(failures) {
  const titled = failures.slice(0, linesMax)
  let room = linesMax - titled.length
  const lines = titled.flatMap(({ title, message }) => {
    const said = linesOfMessage(message).slice(0, Math.max(0, room))
    room -= said.length
    return [`FAILED ${cut(title)}`, ...said.map(line => `    ${line}`)]
  })
  return failures.length > titled.length ? [...lines, `… and ${failures.length - titled.length} more`] : lines
}

function linesOfMessage(message) {
  const lines = stripVTControlCharacters(message).split(/\r?\n/)
  return (
    lines
      .filter(line => line.trim() !== '' && !/^\s+at .*\/node_modules\//.test(line))
      // a test that ran into its time limit has vitest's placeholder for a message
      .map(line => (line === 'Error: STACK_TRACE_ERROR' ? 'Error: timed out' : line))
      .slice(0, messageLinesMax)
      .map(cut)
  )
}

/** On one line, and not longer than somebody reads. */
function cut(text) {
  const line = stripVTControlCharacters(text).replace(/[\r\n]+/g, ' ')
  return line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)}…` : line
}
