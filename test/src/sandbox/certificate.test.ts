import { X509Certificate } from 'node:crypto'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { makeCertificate } from '../../../src/sandbox/certificate.ts'

it('makes a certificate that a TLS client accepts for the names it is made for, and for no other', async () => {
  const { certificate, key } = makeCertificate(Date.now())
  const read = new X509Certificate(certificate)
  expect(read.verify(read.publicKey)).toBe(true)
  expect(read.ca).toBe(true)
  expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(read.checkIP('::1')).toBe('::1')
  expect(read.checkHost('localhost')).toBe('localhost')
  expect(read.checkHost('example.com')).toBeUndefined()
  const server = createServer({ cert: certificate, key }, (_request, response) => response.end('hello'))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = (options: object) =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false, ...options }, response =>
        resolve(response.resume().statusCode),
      ).once('error', reject)
    })
  try {
    expect(await ask({ ca: certificate })).toBe(200)
    await expect(ask({ ca: certificate, servername: 'example.com' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    })
    const another = makeCertificate(Date.now()).certificate
    await expect(ask({ ca: another })).rejects.toMatchObject({ code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/) })
  } finally {
    server.close()
  }
})

it('numbers each and counts its days from the given time', () => {
  const times = [0x7f, 0x80, Date.UTC(2026, 10, 21), Date.UTC(2049, 11, 31), Date.UTC(2050, 0, 2)]
  for (const nowMs of times) {
    const { serialNumber, validFrom, validTo } = new X509Certificate(makeCertificate(nowMs + 3_600_000).certificate)
    expect(Number.parseInt(serialNumber, 16)).toBe(nowMs + 3_600_000)
    expect(Date.parse(validFrom)).toBe(Math.floor(nowMs / 1000) * 1000)
    expect(Date.parse(validTo) - Date.parse(validFrom)).toBe((365 * 24 + 1) * 3_600_000)
  }
})
