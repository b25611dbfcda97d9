import { describe, expect, it } from 'vitest'
import { defaultAgentImage } from '../../../../src/agent/agent-image.ts'
import { commandLine, Images, nodeImage, parseImageReference } from '../../../../src/sandbox/runtime/images.ts'

const node = nodeImage('/wrapper')
const web = { names: ['podswap.sandbox/web'], entrypoint: ['node'], command: ['server.js'] }
const images = new Images([node, web])

describe('images', () => {
  it('are found by name, whatever tag and digest', () => {
    const names = [
      'node',
      'node:20',
      'docker.io/library/node',
      'docker.io/node',
      'podswap.sandbox/node:22',
      defaultAgentImage,
    ]
    for (const name of names) expect(images.find(name), name).toBe(node)
    expect(images.find('podswap.sandbox/web:1')).toBe(web)
  })

  it('are not pulled', () => {
    for (const name of ['redis', 'podswap.sandbox/other', 'example.org/node', 'localhost:5000/node:1', 'team/node']) {
      expect(() => images.find(name), name).toThrowError(
        expect.objectContaining({ reason: 'ErrImagePull', message: expect.stringContaining(name) }),
      )
    }
  })

  it('have names by the grammar', () => {
    expect(parseImageReference('localhost:5000/a/b__c:v1.0')).toEqual({ name: 'localhost:5000/a/b__c', tag: 'v1.0' })
    const digest = `sha256:${'0'.repeat(64)}`
    expect(parseImageReference(`a:t@${digest}`)).toEqual({ name: 'a', tag: 't', digest })
    const wrong = ['', 'A', 'a b', 'a:', 'a@sha256:0', '/a', 'a/', 'a//b', 'a:t:u', `${'a'.repeat(5000)}!`]
    for (const name of wrong) {
      expect(() => parseImageReference(name), name).toThrowError(
        expect.objectContaining({ reason: 'InvalidImageName' }),
      )
    }
  })

  it('give a container its command line as the container runtime interface says', () => {
    expect(commandLine(web, {})).toEqual(['node', 'server.js'])
    expect(commandLine(web, { args: ['other.js'] })).toEqual(['node', 'other.js'])
    expect(commandLine(web, { command: ['sh'] })).toEqual(['sh'])
    expect(commandLine(web, { command: ['sh'], args: ['-c', 'x'] })).toEqual(['sh', '-c', 'x'])
    expect(commandLine({ names: [] }, {})).toEqual([])
  })
})
