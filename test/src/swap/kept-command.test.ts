import { describe, expect, it } from 'vitest'
import { commandOfProc, commandOfSpec } from '../../../src/swap/kept-command.ts'

describe('the command of a spec', () => {
  const env = [
    { name: 'PORT', value: '8080' },
    { name: 'URL', value: 'http://x:$(PORT)' },
    { name: 'TOKEN', valueFrom: { secretKeyRef: {} } },
  ]
  it.each<[string, object, string[] | undefined]>([
    ['command and args', { command: ['node'], args: ['a.js'] }, ['node', 'a.js']],
    ['a command alone', { command: ['sh', '-c', 'exec node'] }, ['sh', '-c', 'exec node']],
    ['args alone, which are the entrypoint’s', { args: ['a.js'] }, undefined],
    ['nothing', {}, undefined],
    ['a variable', { command: ['node'], args: ['--port=$(PORT)'] }, ['node', '--port=8080']],
    ['an escaped variable', { command: ['echo', '$$(PORT) $$PORT $PORT'] }, ['echo', '$(PORT) $PORT $PORT']],
    ['a variable from a Secret', { command: ['node', '$(TOKEN)'] }, undefined],
    ['a variable of a variable', { command: ['node', '$(URL)'] }, undefined],
    ['a variable that is not there', { command: ['node', '$(NONE)'] }, undefined],
  ])('%s', (_, fields, expected) => {
    expect(commandOfSpec({ name: 'app', env: env as [], ...fields })).toEqual(expected)
  })
})

describe('the command of a process', () => {
  it.each<[string, string[] | undefined]>([
    ['node\0server.js\0', ['node', 'server.js']],
    ['sh\0-c\0node "a b"\0', ['sh', '-c', 'node "a b"']],
    ['app\0\0x\0', ['app', '', 'x']],
    ['/server\0', ['/server']],
    ['nginx: master process nginx -g daemon off;\0\0\0', undefined],
    ['', undefined],
    ['\0\0', undefined],
  ])('%j', (text, expected) => {
    expect(commandOfProc(text)).toEqual(expected)
  })
})
