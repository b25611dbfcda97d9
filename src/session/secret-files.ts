import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Timers } from '../../syncer/base/clock.ts'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import { limits } from '../../syncer/base/limits.ts'
import type { SecretFile } from '../manifest/manifest.ts'
import type { Link } from './link.ts'
import type { Report } from './parts.ts'
import type { PodRef } from './session-state.ts'

const lookEveryMs = 2_000

/** Content of a file of the laptop. Throws a system error; `EFBIG` where it is larger than a secret may be. */
export type ReadSecret = (file: string) => Buffer

/** The secret files of one session: sent to each container before its command, and again when they change here. */
export class SecretFiles {
  readonly #secrets: SecretFile[]
  readonly #timers: Timers
  readonly #report: Report
  readonly #read: ReadSecret
  /** What each holds there, by its place, as a hash. */
  readonly #sent = new Map<string, string>()
  /** What went wrong with each, said once. */
  readonly #said = new Map<string, string>()
  #container: string | null = null

  constructor(secrets: SecretFile[], timers: Timers, report: Report, read: ReadSecret = readSecret) {
    this.#secrets = secrets
    this.#timers = timers
    this.#report = report
    this.#read = read
  }

  /** All that this container lacks is in it when this returns. What cannot be is said where `isLate`, else thrown. */
  async ensure(link: Link, pod: PodRef, { isLate, signal }: { isLate: boolean; signal: AbortSignal }): Promise<void> {
    if (this.#container !== pod.incarnation) this.#sent.clear()
    this.#container = pod.incarnation
    for (const secret of this.#secrets) {
      try {
        await this.#send(link, secret, signal)
        this.#said.delete(secret.remote)
      } catch (error) {
        if (signal.aborted || !isLate || !(error instanceof UserError)) throw error
        this.#sayOnce(secret, error)
      }
    }
  }

  /** Looks at the files for as long as the connection stands. */
  follow(link: Link, pod: PodRef): void {
    if (this.#secrets.length === 0) return
    const look = async () => {
      try {
        await this.ensure(link, pod, { isLate: true, signal: link.signal })
      } catch {
        // the connection went; the next one starts with them
      }
      if (!link.signal.aborted) cancel = this.#timers.after(lookEveryMs, look)
    }
    let cancel = this.#timers.after(lookEveryMs, look)
    link.signal.addEventListener('abort', () => cancel(), { once: true })
  }

  async #send(link: Link, secret: SecretFile, signal: AbortSignal): Promise<void> {
    const { local, remote, mode, at } = secret
    const content = this.#content(secret)
    const hash = createHash('sha256').update(content).digest('hex')
    const before = this.#sent.get(remote)
    if (before === hash) return
    try {
      const name = createHash('sha256').update(remote).digest('hex').slice(0, 16)
      const { movedTo } = await link.agent.putSecret({ name, path: remote, mode }, content, signal)
      this.#sent.set(remote, hash)
      if (movedTo) this.#warn(`${remote} was in the container already: it is ${movedTo} now`)
      if (before !== undefined) this.#warn(`${local} has changed: ${remote} in the container is the new one`)
    } catch (error) {
      const code = errnoOf(error)
      if (signal.aborted || code === undefined || !/^E[A-Z]+$/.test(code)) throw error
      throw new UserError('agent', `the secret ${remote} cannot be put there: ${code}`, {
        at,
        hint: 'the container’s user must be able to write that folder, and no folder may be in its place',
        cause: error,
      })
    }
  }

  #content({ local, at }: SecretFile): Buffer {
    try {
      return this.#read(local)
    } catch (error) {
      const why = errnoOf(error) ?? 'it cannot be read'
      throw new UserError('not-found', `the secret ${local} cannot be read: ${why}`, { at, cause: error })
    }
  }

  #sayOnce({ remote }: SecretFile, { message, hint }: UserError): void {
    if (this.#said.get(remote) === message) return
    this.#said.set(remote, message)
    this.#report({ type: 'warning', message, hint })
  }

  #warn(message: string): void {
    this.#report({ type: 'warning', message })
  }
}

function readSecret(file: string): Buffer {
  if (statSync(file).size > limits.secretBytesMax) throw Object.assign(new Error('too large'), { code: 'EFBIG' })
  return readFileSync(file)
}
