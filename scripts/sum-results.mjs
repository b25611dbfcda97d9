// Adds up result files of vitest's JSON reporter: `N passed, N failed[, N skipped]` on a line of its own.
// A file that could not be loaded counts as one failure; so does a result file that is not there.
import { existsSync, readFileSync } from 'node:fs'

const files = process.argv.slice(2)
const sums = { passed: 0, failed: 0, skipped: 0 }
for (const file of files) {
  if (!existsSync(file)) {
    console.log(`no results: ${file}`)
    sums.failed++
    continue
  }
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'))
  for (const { name, status, assertionResults, message } of testResults) {
    for (const { status } of assertionResults) sums[status === 'passed' || status === 'failed' ? status : 'skipped']++
    const failures = assertionResults.filter(result => result.status === 'failed').length
    if (status === 'failed' && failures === 0) {
      console.log(`${name} failed as a whole: ${message}`)
      sums.failed++
    }
  }
}
const skipped = sums.skipped > 0 ? `, ${sums.skipped} skipped` : ''
console.log(`${sums.passed} passed, ${sums.failed} failed${skipped}`)
process.exit(sums.failed > 0 || sums.passed === 0 ? 1 : 0)
