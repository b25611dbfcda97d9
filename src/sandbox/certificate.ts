import { generateKeyPairSync, sign } from 'node:crypto'

export interface Certificate {
  /** PEM. Signed by itself: it is its own authority. */
  certificate: string
  /** PEM, PKCS #8. */
  key: string
}

/** DER tags (X.690). */
const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Object identifiers as their DER content. */
const Oid = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
} as const

const hourMs = 3_600_000

/**
 * A fresh certificate for `localhost`, 127.0.0.1 and ::1 (X.509 v3, RFC 5280), valid from an hour ago for a year. Node
 * can read certificates and make keys, but not write certificates; these few fields are all that TLS clients look at.
 */
export function makeCertificate(nowMs: number): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = der(Tag.sequence, oid(Oid.ecdsaWithSha256))
  const commonName = der(Tag.sequence, oid(Oid.commonName), der(Tag.utf8, Buffer.from('podswap sandbox')))
  const name = der(Tag.sequence, der(Tag.set, commonName))
  const body = der(
    Tag.sequence,
    der(0xa0, integer(2)),
    integer(nowMs),
    algorithm,
    name,
    der(Tag.sequence, time(nowMs - hourMs), time(nowMs + 365 * 24 * hourMs)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(Tag.sequence, basicConstraints(), subjectAltName())),
  )
  const signature = sign('sha256', body, privateKey)
  const whole = der(Tag.sequence, body, algorithm, der(Tag.bitString, Buffer.of(0), signature))
  return { certificate: pem(whole), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** May sign certificates; critical, as the standard asks. */
function basicConstraints(): Buffer {
  const isTrue = der(Tag.boolean, Buffer.of(0xff))
  return der(Tag.sequence, oid(Oid.basicConstraints), isTrue, der(Tag.octetString, der(Tag.sequence, isTrue)))
}

function subjectAltName(): Buffer {
  const dns = der(0x82, Buffer.from('localhost'))
  const ipv4 = der(0x87, Buffer.of(127, 0, 0, 1))
  const ipv6 = der(0x87, Buffer.concat([Buffer.alloc(15), Buffer.of(1)]))
  return der(Tag.sequence, oid(Oid.subjectAltName), der(Tag.octetString, der(Tag.sequence, dns, ipv4, ipv6)))
}

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag), lengthOf(content), content])
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.of(length)
  return length < 0x100 ? Buffer.of(0x81, length) : Buffer.of(0x82, length >> 8, length & 0xff)
}

function oid(content: string): Buffer {
  return der(Tag.oid, Buffer.from(content, 'hex'))
}

function integer(value: number): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  // a first bit that is set would make it negative
  return der(Tag.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

/** `20261121112450Z` */
function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)
  return der(Tag.generalizedTime, Buffer.from(`${digits}Z`))
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
