/** Whether these are zeros, which a file system may hold as a hole. */
export function isBlank(bytes: Uint8Array): boolean {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  // The first byte is zero, and each is equal to the one before it.
  return view.length > 0 && view[0] === 0 && view.compare(view, 0, view.length - 1, 1) === 0
}
