/**
 * Why a stream of the multiplexer ended before its time. `code` is a system error code of the other end
 * (`ECONNREFUSED`) or one of ours:
 *
 * - `connection-lost`   the connection under it is gone
 * - `cancelled`         the other end has no more use for it
 * - `refused`           the other end does not serve such a request
 * - `bad-request`       the request is malformed
 * - `too-many-streams`  the other end has as many as it takes
 * - whatever a service says (see the services)
 */
export class StreamError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'StreamError'
    this.code = code
  }
}
