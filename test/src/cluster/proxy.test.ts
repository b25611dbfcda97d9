import { describe, expect, it } from 'vitest'
import { proxyFor } from '../../../src/cluster/proxy.ts'

const server = new URL('https://api.east.example:6443')
const env = (NO_PROXY = '') => ({ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY })

describe('the proxy to an API server', () => {
  it('is the kubeconfig’s, else the environment’s', () => {
    expect(proxyFor(server, 'socks5://bastion:1080', env())).toBe('socks5://bastion:1080')
    expect(proxyFor(server, undefined, env())).toBe('http://proxy:3128')
    expect(proxyFor(server, undefined, { https_proxy: 'proxy:3128' })).toBe('http://proxy:3128')
    expect(proxyFor(new URL('http://east'), undefined, env())).toBeUndefined()
    expect(proxyFor(server, undefined, {})).toBeUndefined()
  })

  it.each([
    ['*', true],
    ['api.east.example', true],
    ['east.example', true],
    ['.east.example', true],
    ['*.example', true],
    ['west, east.example', true],
    ['api.east.example:6443', true],
    ['api.east.example:443', false],
    ['ast.example', false],
    ['10.0.0.0/8', false],
  ])('with NO_PROXY=%s: exempt %s', (noProxy, exempt) => {
    expect(proxyFor(server, undefined, env(noProxy))).toBe(exempt ? undefined : 'http://proxy:3128')
  })

  it.each([
    ['https://10.1.2.3:6443', '10.0.0.0/8', true],
    ['https://11.1.2.3:6443', '10.0.0.0/8', false],
    ['https://10.1.2.3:6443', '10.0.0.0/99', false],
    ['https://[fd00::5]:6443', 'fd00::/8', true],
    ['https://[fd00::5]:6443', 'fd00::5', true],
    ['https://127.0.0.1:6443', '', true],
    ['https://[::1]:6443', '', true],
    ['https://localhost:6443', '', true],
  ])('to %s with NO_PROXY=%s: exempt %s', (url, noProxy, exempt) => {
    expect(proxyFor(new URL(url), undefined, env(noProxy))).toBe(exempt ? undefined : 'http://proxy:3128')
  })
})
