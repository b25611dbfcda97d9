import { absent, folder } from '../../core/content.ts'
import type { IgnoreRules } from '../../endpoint/replica.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { ownProblems } from '../exchange/path-problems.ts'

export interface SharedRulesOptions {
  /** The rules as text for the pod, and how the pod compiles them. */
  rulesText: string
  compileRules(text: string): IgnoreRules
  /** The folder must be read (again) from top to bottom, at the latest after `withinMs`; now when absent. */
  sweep(withinMs?: number): void
}

/** The rules that both ends follow: the laptop's, which the pod is told. */
export class SharedRules {
  /** As the pod is told them. */
  text: string
  private readonly x: Exchange
  private readonly options: SharedRulesOptions

  constructor(exchange: Exchange, options: SharedRulesOptions) {
    this.x = exchange
    this.options = options
    this.text = options.rulesText
  }

  /** Others hold from now on. Paths that are ignored now are forgotten, never deleted. */
  take(text: string): void {
    this.text = text
    const rules = this.options.compileRules(text)
    this.x.rules = rules
    this.x.rulesVersion += 1
    this.solveIgnored(rules)
    for (const entry of [...this.x.replica.tree.walk()]) {
      if (!rules.ignored(entry.path, entry.current === folder || entry.agreed === folder)) continue
      this.x.agree(entry, absent)
      this.x.unsent(entry)
      this.x.untaken.delete(entry)
      const flight = this.x.flights.get(entry)
      // The pod forgets what it takes before it hears of this; what the laptop takes it takes after it has forgotten.
      if (flight !== undefined && this.x.role === 'laptop') flight.stale = true
      entry.current = absent
      entry.key = null
      this.x.prune(entry)
    }
    this.options.sweep()
  }

  /** What does not travel any more is no trouble any more. */
  private solveIgnored(rules: IgnoreRules): void {
    const { tree } = this.x.replica
    for (const path of this.x.problems.paths()) {
      if (path === '' || path === ownProblems) continue
      const entry = tree.find(path)
      if (rules.ignored(path, entry?.current === folder || entry?.agreed === folder)) this.x.problems.made(path)
    }
  }
}
