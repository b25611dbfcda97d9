export function buildStartScript(): Promise<string>
export function buildPodProgram(name: 'boot' | 'attach'): Promise<string>
export function buildSandboxProgram(name: 'preload' | 'watchdog' | 'portable-init' | 'postgres'): Promise<string>
