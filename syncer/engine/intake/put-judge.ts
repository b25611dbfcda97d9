import { absent, isFile, kindOf, type Token } from '../../core/content.ts'
import { answerPut, judgePut } from '../../core/reconcile.ts'
import type { Look } from '../../endpoint/look.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Put } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { isInMount, parentStands } from '../exchange/in-the-way.ts'
import type { GraftIntake } from './graft-intake.ts'
import type { PutApplier } from './put-applier.ts'
import type { PutOutcomes } from './put-outcomes.ts'

/** Decides by the state table what becomes of a PUT, from what stands at its path now. */
export class PutJudge {
  private readonly x: Exchange
  private readonly outcomes: PutOutcomes
  private readonly applier: PutApplier
  private readonly grafts: GraftIntake

  constructor(exchange: Exchange, outcomes: PutOutcomes, applier: PutApplier, grafts: GraftIntake) {
    this.x = exchange
    this.outcomes = outcomes
    this.applier = applier
    this.grafts = grafts
  }

  /** @param mustLook what was known of the path is not so, or may not be */
  judge(entry: Entry, put: Put, mustLook = false): void {
    const { x } = this
    if (isInMount(x, entry)) {
      this.outcomes.refuse(put, 'failed')
      return
    }
    const isKnown = !mustLook && !x.problems.isUnmade(put.path)
    if (isKnown && this.isToBeApplied(entry, put) && this.applier.takesUnseen(entry, put)) return
    const look = this.look(entry, put)
    // Refused and offered again, not kept waiting: nothing about one path may change its order.
    if (look.state === 'busy') {
      if (look.isReading) x.queue(entry, true)
      this.outcomes.refuse(put, 'differs')
      return
    }
    if (look.state === 'barred') {
      x.problems.cannotMake(put.path, look.code, `${put.path} cannot be changed here`, put.data !== absent)
      this.outcomes.refuse(put, 'failed')
      return
    }
    if (isSentToo(x, entry, put)) this.outcomes.accept(entry, put)
    else if (x.role === 'pod') this.judgeAtPod(entry, put, look.token)
    else this.judgeAtLaptop(entry, put, look.token)
    if (!this.applier.isBegun(entry)) this.outcomes.lookAgain(entry)
  }

  /** By what is known of the path, if that is so. */
  private isToBeApplied(entry: Entry, put: Put): boolean {
    const { x } = this
    if (x.holds.has(entry) || isSentToo(x, entry, put)) return false
    if (x.role === 'pod') return answerPut(put, entry.current, x.policy) === 'apply'
    return judgePut(put, entry.current, entry.agreed, x.policy) === 'pull'
  }

  /** A whole subtree, at the pod. */
  judgeGraft(entry: Entry, put: Put, id: number): void {
    const { x } = this
    const graft = x.replica.grafts.take(id)
    if (graft === undefined || graft.path !== put.path) {
      if (graft !== undefined) x.replica.grafts.discard(graft)
      this.outcomes.refuse(put, 'need')
      return
    }
    const look = this.look(entry, put)
    const isFree = look.state === 'known' && look.token === absent && put.base === absent && entry.agreed === absent
    const hasPlace = isFree && (parentStands(entry) || x.replica.applier.ensureParents(entry).result === 'done')
    if (!hasPlace) x.replica.grafts.discard(graft)
    const refusal = hasPlace ? this.grafts.plant(entry, graft) : 'changed'
    if (refusal === undefined) this.outcomes.applied(entry, put)
    else this.outcomes.refuse(put, refusal)
    this.outcomes.lookAgain(entry)
  }

  private look(entry: Entry, put: Put): Look {
    if (this.x.holds.has(entry)) return { state: 'busy' }
    // Nothing was ever seen here and something new comes: making it fails where something stands after all.
    const isNew = put.base === absent && entry.current === absent && entry.key === null && entry.agreed === absent
    const mayMake = isNew && !this.x.problems.isUnmade(put.path)
    if (mayMake && kindOf(put.data) === 'file' && !this.outcomes.takeRefused(entry))
      return { state: 'known', token: absent }
    return this.x.replica.looker.look(entry, put.path)
  }

  private judgeAtPod(entry: Entry, put: Put, current: Token): void {
    const answer = answerPut(put, current, this.x.policy)
    if (answer === 'equal') this.outcomes.accept(entry, put)
    else if (answer === 'apply') {
      if (current !== put.base && (isFile(current) || kindOf(current) === 'link')) this.outcomes.replacesEdit(entry)
      this.applier.apply(entry, put, current)
    } else {
      this.believeBase(entry, put)
      this.outcomes.refuse(put, 'differs')
    }
  }

  /**
   * The laptop owns the ancestor, and a PUT's base is that. With nothing of ours under way it differs from what we remember
   * only where rules made us forget an answer: refused for ever, neither end would tell the other more.
   */
  private believeBase(entry: Entry, put: Put): void {
    if (!this.x.flights.has(entry)) this.x.agree(entry, put.base)
  }

  private judgeAtLaptop(entry: Entry, put: Put, current: Token): void {
    const verdict = judgePut(put, current, entry.agreed, this.x.policy)
    switch (verdict) {
      case 'equal':
      case 'push':
        this.outcomes.accept(entry, put)
        return
      case 'pull':
        this.applier.apply(entry, put, current)
        return
      case 'conflict':
        this.applier.keepBoth(entry, put)
    }
  }
}

/** Both ends made the same change at once: what stands here now is what came after it. */
export function isSentToo(x: Exchange, entry: Entry, { data }: Put): boolean {
  const flight = x.flights.get(entry)
  return flight !== undefined && flight.data === data && !flight.stale
}
