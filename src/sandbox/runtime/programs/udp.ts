import { isPodItself, type NetworkConfig } from './network-config.ts'

interface UdpHandle {
  bind(address: string, port: number, flags: number): number
  bind6(address: string, port: number, flags: number): number
}

/** A port that is listened on is the pod's, not the machine's. Services carry TCP only. */
export function wrapUdp(config: NetworkConfig): void {
  if (config.addresses !== 'own') return
  const binding = (process as unknown as { binding(name: string): { UDP: { prototype: UdpHandle } } }).binding
  const { prototype } = binding.call(process, 'udp_wrap').UDP
  const { bind, bind6 } = prototype
  const listen = (original: UdpHandle['bind']) =>
    function (this: UdpHandle, address: string, port: number, flags: number): number {
      // without a port it is somebody who sends, perhaps to far away
      if (port === 0 || !isPodItself(address)) return original.call(this, address, port, flags)
      return original === bind6
        ? original.call(this, `::ffff:${config.address}`, port, flags)
        : original.call(this, config.address, port, flags)
    }
  prototype.bind = listen(bind)
  prototype.bind6 = listen(bind6)
}
