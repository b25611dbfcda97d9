// Loaded before every Node program of a pod (NODE_OPTIONS, the `node` in the pod's PATH, PODSWAP_PRELOAD for the
// agent): gives it the pod's network instead of the machine's.
import { setHostname } from './hostname.ts'
import { moveInspector } from './inspector.ts'
import { wrapLookup } from './lookup.ts'
import type { NetworkConfig } from './network-config.ts'
import { wrapTcp } from './tcp.ts'
import { wrapUdp } from './udp.ts'

const loaded = Symbol.for('podswap.network')
const { PODSWAP_NETWORK: text } = process.env

/** A program may name the preload twice, in its environment and in its arguments. */
if (text && !(loaded in process)) {
  Object.defineProperty(process, loaded, { value: true })
  const config: NetworkConfig = JSON.parse(text)
  wrapTcp(config)
  wrapUdp(config)
  setHostname(config)
  wrapLookup(config)
  moveInspector(config)
}
