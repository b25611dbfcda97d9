/** Every cap of the wire and the engine in one place. Bytes and milliseconds unless the name says otherwise. */
export const limits = {
  /**
   * Largest frame payload: a message with 1 MiB of content and its own header is one frame. The API server passes
   * 16 MiB messages and cuts the stream at 64 MiB.
   */
  framePayloadBytesMax: 1024 * 1024 + 4096,
  /**
   * Payload of one frame of an interactive stream: a keystroke waits for at most one of these. With its header it is
   * 32 KiB, which the programs on the way copy at once.
   */
  interactiveChunkBytes: 32 * 1024 - 17,
  /** Credit that a stream starts with. */
  streamWindowBytes: 256 * 1024,
  /** What the credit of an interactive stream may grow to where the round trip asks for it. */
  streamWindowBytesMax: 4 * 1024 * 1024,
  /** Credit of a bulk stream, and what it may grow to. */
  bulkWindowBytes: 4 * 1024 * 1024,
  bulkWindowBytesMax: 16 * 1024 * 1024,
  /** Largest request that opens a stream; a command's environment is in it. */
  openPayloadBytesMax: 256 * 1024,
  /** Largest explanation of why a stream or connection ends. */
  reasonBytesMax: 4096,
  /** Streams open at once on one connection. */
  streamsMax: 1024,
  /** Largest message of a terminal or exec stream, and what one call may answer. */
  terminalMessageBytesMax: 64 * 1024,
  callAnswerBytesMax: 1024 * 1024,
  /** Largest secret file, as a Secret's in Kubernetes. */
  secretBytesMax: 1024 * 1024,
  /** Largest message of the sync protocol. */
  messageBytesMax: 4 * 1024 * 1024,
  pingIntervalMs: 5_000,
  pingTimeoutMs: 15_000,
  pathBytesMax: 4_096,
  nameBytesMax: 255,
  linkTargetBytesMax: 4_096,
  /** Content up to this size travels inside the decision; larger content goes ahead on the bulk lane. */
  inlineBytesMax: 128 * 1024,
  /** Content up to this size may go before it is decided whether it is wanted. */
  earlyBytesMax: 32 * 1024,
  /** So many of these wait at the receiver; the oldest ones go first. */
  earlyMax: 8,
} as const
