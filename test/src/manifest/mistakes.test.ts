import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { loadManifest } from '../../../src/manifest/load-manifest.ts'
import { formatComplaint, ManifestError } from '../../../src/manifest/manifest-error.ts'

const folder = fileURLToPath(new URL('../../fixtures/manifests/mistakes', import.meta.url))
const files = readdirSync(folder).filter(name => name.endsWith('.yml'))

it.each(files)('says what is wrong with %s', async file => {
  let said = ''
  try {
    loadManifest({ file, cwd: folder, env: {}, home: '/home/ann' })
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error
    said = error.complaints.map(complaint => `${formatComplaint(complaint, folder)}\n`).join('')
  }
  // Paths of this checkout are the only thing that differs between machines.
  const portable = said.replaceAll(fileURLToPath(new URL('../../fixtures', import.meta.url)), '<fixtures>')
  await expect(portable, portable).toMatchFileSnapshot(`${folder}/${file.replace(/yml$/, 'txt')}`)
})
