export function buildStartScript(): Promise<string>
export function buildPodProgram(name: 'boot' | 'attach' | 'fill'): Promise<string>
export function buildSandboxProgram(name: 'preload' | 'watchdog' | 'portable-init' | 'postgres'): Promise<string>
