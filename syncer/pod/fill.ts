// Runs in an init container of the dev image, as `init exec ld --library-path lib node fill.cjs VOLUME FOLDERS`: copies
// what the image has at the paths of the dev's volumes into them. FOLDERS is JSON, `[{from, to}]`.
import { writeFileSync } from 'node:fs'
import { type Fill, fillVolume } from './fill-volume.ts'
import { PodRoot } from './pod-root.ts'

const root = PodRoot.of(process.env)

try {
  const [volume = '', folders = '[]'] = process.argv.slice(2)
  for (const { from, to } of JSON.parse(folders) as Fill[]) fillVolume(root.path(volume), { from: root.path(from), to })
} catch (error) {
  const text = `podswap: cannot fill a volume from the image: ${error instanceof Error ? error.message : error}\n`
  process.stderr.write(text)
  try {
    writeFileSync(root.path('/dev/termination-log'), text)
  } catch {
    // stderr has it
  }
  process.exit(1)
}
