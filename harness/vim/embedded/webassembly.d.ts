/** The part of the JavaScript interface of WebAssembly that the embedded NFVI uses: @types/node 20 has none of it. */
declare namespace WebAssembly {
  type Kind = 'function' | 'memory' | 'global' | 'table' | 'tag';
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: Kind }[];
    static exports(module: Module): { name: string; kind: Kind }[];
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
    /** @returns the pages before. Throws RangeError when it cannot grow. */
    grow(pages: number): number;
  }
  class Global {
    value: number | bigint;
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class RuntimeError extends Error {}
  function compile(bytes: Uint8Array): Promise<Module>;
}
