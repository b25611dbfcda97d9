import { absent } from '../../core/content.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Journal } from '../exchange/journal.ts'
import type { Handshake } from './handshake.ts'

/** Laptop: takes what was agreed and sent when the last process ended. */
export function loadJournal(journal: Journal, exchange: Exchange, handshake: Handshake): void {
  const { tree } = exchange.replica
  for (const record of journal.load()) {
    switch (record.type) {
      case 'raising':
      case 'epoch':
      case 'mode':
        handshake.load(record)
        break
      case 'void':
        for (const entry of tree.walk()) {
          entry.agreed = absent
          entry.sent = undefined
        }
        break
      case 'was':
        exchange.history.add(record.path, record.token)
        break
      default: {
        const entry = tree.ensure(record.path)
        if (record.type === 'agreed' || record.type === 'answered') entry.agreed = record.token
        if (record.type === 'sent') entry.sent = record.token
        else if (record.type !== 'agreed') entry.sent = undefined
      }
    }
  }
}
