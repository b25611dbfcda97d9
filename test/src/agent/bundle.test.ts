import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAgentFiles } from '../../../src/agent/bundle.ts'

test('reads what the build made, and says what is missing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-dist-'))
  try {
    writeFileSync(join(folder, 'agent.cjs'), 'the agent')
    await expect(readAgentFiles(folder)).rejects.toMatchObject({
      code: 'agent',
      message: `${folder}/start.cjs is missing`,
    })
    writeFileSync(join(folder, 'start.cjs'), 'the script')
    expect(await readAgentFiles(folder)).toEqual({
      bundle: Buffer.from('the agent'),
      sha256: createHash('sha256').update('the agent').digest('hex'),
      startScript: 'the script',
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
