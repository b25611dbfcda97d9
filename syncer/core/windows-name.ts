/**
 * Whether Windows makes a file of this very name: no device (`CON`, `nul.txt`), no character of its own (`a:b` is a
 * stream of `a`), no dot or blank at the end, nothing that is not Unicode
 * (learn.microsoft.com/windows/win32/fileio/naming-a-file).
 */
export function isWindowsName(name: string): boolean {
  return !device.test(name) && !/[<>:"\\|?*\p{Cc}\p{Cs}]|[ .]$/u.test(name)
}

const device = /^(con|prn|aux|nul|(com|lpt)[1-9¹²³])\s*(\.|$)/i
