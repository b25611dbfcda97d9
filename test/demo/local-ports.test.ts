import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { isFreePort, localPortsOf, movedPorts, withPorts } from '../../demo/local-ports.ts'

const manifest = readFileSync('manifests/dev.node.yml', 'utf8')

describe('the ports of the demo', () => {
  const servers: Server[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise(resolve => server.close(resolve))
  })

  async function listenOn(host: string): Promise<number> {
    const server = createServer()
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, host, resolve))
    return (server.address() as { port: number }).port
  }

  it('are those of its manifest: app, debugger, database', () => {
    expect(localPortsOf(manifest)).toEqual([8080, 9229, 5432])
  })

  it('move, and nothing else of the manifest changes', () => {
    const moved = withPorts(manifest, [
      { from: 8080, to: 18080 },
      { from: 5432, to: 15432 },
    ])
    const changed = moved.split('\n').filter((line, at) => line !== manifest.split('\n')[at])
    expect(changed.map(line => line.trim())).toEqual(['- 18080:8080', '- 15432:postgres:5432'])
    expect(localPortsOf(moved)).toEqual([18080, 9229, 15432])
    expect(withPorts(manifest, [])).toBe(manifest)
  })

  it('move only where they are taken, to free ones, each to its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.integer({ min: 1024, max: 40_000 }), { maxLength: 5 }),
        fc.nat(4),
        async (ports, n) => {
          const taken = new Set(ports.slice(0, n).flatMap(port => [port, port + 10_000, port + 1]))
          const isFree = async (port: number) => !taken.has(port)
          const moved = await movedPorts(ports, isFree)
          expect(moved.map(({ from }) => from)).toEqual(ports.filter(port => taken.has(port)))
          const result = ports.map(port => moved.find(({ from }) => from === port)?.to ?? port)
          expect(new Set(result).size).toBe(ports.length)
          expect(result.filter(port => taken.has(port))).toEqual([])
        },
      ),
    )
  })

  it('are refused where there is none left', async () => {
    await expect(movedPorts([8080], async () => false)).rejects.toMatchObject({ code: 'port-in-use' })
  })

  it.each(['127.0.0.1', '0.0.0.0'])('are looked at as they are: somebody listens on %s', async host => {
    const port = await listenOn(host)
    expect(await isFreePort(port)).toBe(false)
    const [server] = servers.splice(0)
    await new Promise(resolve => server!.close(resolve))
    expect(await isFreePort(port)).toBe(true)
  })
})
