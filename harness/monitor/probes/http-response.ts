/** An answer that is not HTTP/1.1; the code is the sample's outcome. */
export class NotHttp extends Error {
  constructor(readonly code: string) {
    super(`The answer cannot be read: ${code}`);
  }
}

/** Longer heads, chunk sizes and trailers are refused. */
const longestText = 64 * 1024;
/** An answer longer than this is not compared any further. */
const longestBody = 1024 * 1024;

const crlf = '\r\n';

/** What is read next. */
type Part = 'head' | 'body' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'rest' | 'over';

/**
 * One HTTP/1.1 answer, read as its bytes come: the status, the length by any of the four ways of RFC 9112, section 6.3,
 * and the body when somebody wants it. A probe asks for no more, a thousand times a second beside the service that it
 * watches, and a client that makes objects of all headers takes several times the CPU.
 */
export class HttpResponse {
  status = 0;
  /** Another request may go over this connection. */
  canBeReused = true;
  /** After so many milliseconds of silence the server may close the connection. Source: RFC 2068, section 19.7.1.1. */
  keptMs: number | undefined;
  #part: Part = 'head';
  #text = '';
  #left = 0;
  readonly #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(
    private readonly method: string,
    private readonly wantsBody: boolean,
  ) {}

  /** The body so far, when it was wanted. */
  get body(): string {
    return this.#body.length === 0 ? '' : Buffer.concat(this.#body).toString();
  }

  /**
   * @param bytes are not kept: the caller may use them again
   * @returns whether the answer is complete
   * @throws NotHttp
   */
  take(bytes: Buffer): boolean {
    let at = 0;
    while (at < bytes.length && this.#part !== 'over') at = this.#step(bytes, at);
    // Nobody asked for more; what it means is not known, so the connection is not used again.
    if (at < bytes.length) this.canBeReused = false;
    return this.#part === 'over';
  }

  /** The server has closed its side. @returns whether that was the end of the answer */
  end(): boolean {
    return this.#part === 'rest';
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#part) {
      case 'body':
      case 'chunk':
        return this.#takeSome(bytes, at);
      case 'rest':
        this.#keep(bytes.subarray(at));
        return bytes.length;
      case 'head':
        return this.#takeText(bytes, at, crlf + crlf, (head) => this.#readHead(head));
      default:
        return this.#takeText(bytes, at, crlf, (line) => this.#readLine(line));
    }
  }

  #takeText(bytes: Buffer, from: number, end: string, read: (text: string) => void): number {
    // The end may lie across two reads, so the search goes over what is left of the one before as well.
    const before = this.#text.length;
    this.#text += bytes.toString('latin1', from);
    const found = this.#text.indexOf(end, Math.max(0, before - end.length));
    if (found === -1) {
      if (this.#text.length > longestText) throw new NotHttp('head too long');
      if (this.#part === 'head' && this.#text.length >= 5 && !this.#text.startsWith('HTTP/'))
        throw new NotHttp('not HTTP');
      return bytes.length;
    }
    const text = this.#text.slice(0, found);
    this.#text = '';
    read(text);
    return from + found + end.length - before;
  }

  #takeSome(bytes: Buffer, at: number): number {
    const until = Math.min(bytes.length, at + this.#left);
    this.#keep(bytes.subarray(at, until));
    this.#left -= until - at;
    if (this.#left === 0) this.#part = this.#part === 'chunk' ? 'chunk-end' : 'over';
    return until;
  }

  #keep(bytes: Buffer): void {
    if (!this.wantsBody || this.#bodyBytes > longestBody) return;
    this.#body.push(Buffer.from(bytes));
    this.#bodyBytes += bytes.length;
  }

  #readHead(head: string): void {
    const [, minor, code] = /^HTTP\/1\.([01]) (\d{3})(?: |\r|$)/.exec(head) ?? [];
    if (code === undefined) throw new NotHttp('not HTTP');
    this.status = Number(code);
    // An interim answer; the real one follows.
    if (this.status < 200 && this.status !== 101) return;
    const connection = field(head, /\r\nconnection:([^\r]*)/i)?.toLowerCase() ?? '';
    const isKept = minor === '1' ? !connection.includes('close') : connection.includes('keep-alive');
    if (!isKept || this.status === 101) this.canBeReused = false;
    const seconds = /timeout=(\d+)/.exec(field(head, /\r\nkeep-alive:([^\r]*)/i) ?? '')?.[1];
    if (seconds !== undefined) this.keptMs = Number(seconds) * 1000;
    this.#part = this.#bodyOf(head);
  }

  #bodyOf(head: string): Part {
    if (this.method === 'HEAD' || this.status < 200 || this.status === 204 || this.status === 304) return 'over';
    const coding = field(head, /\r\ntransfer-encoding:([^\r]*)/i)?.toLowerCase();
    if (coding?.endsWith('chunked')) return 'chunk-size';
    const length = coding === undefined ? field(head, /\r\ncontent-length:([^\r]*)/i) : undefined;
    if (length === undefined) {
      this.canBeReused = false;
      return 'rest';
    }
    if (!/^\d{1,15}$/.test(length)) throw new NotHttp('bad content-length');
    this.#left = Number(length);
    return this.#left === 0 ? 'over' : 'body';
  }

  #readLine(line: string): void {
    if (this.#part === 'chunk-end') this.#part = line === '' ? 'chunk-size' : notChunked();
    else if (this.#part === 'trailers') this.#part = line === '' ? 'over' : 'trailers';
    else {
      const size = /^([0-9a-f]{1,12})[ \t]*(?:;|$)/i.exec(line)?.[1] ?? notChunked();
      this.#left = Number.parseInt(size, 16);
      this.#part = this.#left === 0 ? 'trailers' : 'chunk';
    }
  }
}

function notChunked(): never {
  throw new NotHttp('bad chunk');
}

const field = (head: string, pattern: RegExp): string | undefined => pattern.exec(head)?.[1]?.trim();
