/** What `podswap up` was called with. */
export interface UpOptions {
  detach?: boolean
  takeOver?: boolean
  downOnExit?: boolean
  dryRun?: boolean
  keepCommand?: boolean
}
