import * as host from './ordeal';

/** The VNFC's configuration: a flat JSON object of numbers, booleans, strings and lists of strings. */
export class Config {
  private readonly single: Map<string, string> = new Map();
  private readonly lists: Map<string, string[]> = new Map();

  static load(): Config {
    const length = host.config(0, 0);
    const bytes = new ArrayBuffer(length);
    host.config(changetype<usize>(bytes), length);
    return new Config(String.UTF8.decode(bytes));
  }

  private at: i32 = 0;

  constructor(private readonly json: string) {
    this.skip();
    if (this.at < json.length) this.readObject();
  }

  private readObject(): void {
    this.expect(123 /* { */);
    while (!this.take(125 /* } */)) {
      const key = this.quoted();
      this.expect(58 /* : */);
      if (this.take(91 /* [ */)) this.lists.set(key, this.readList());
      else this.single.set(key, this.peek() == 34 ? this.quoted() : this.bare(key));
      this.take(44 /* , */);
    }
  }

  number(key: string, otherwise: f64): f64 {
    return this.single.has(key) ? F64.parseFloat(this.single.get(key)) : otherwise;
  }
  flag(key: string): bool {
    return this.single.has(key) && this.single.get(key) == 'true';
  }
  text(key: string, otherwise: string): string {
    return this.single.has(key) ? this.single.get(key) : otherwise;
  }
  list(key: string): string[] {
    return this.lists.has(key) ? this.lists.get(key) : [];
  }

  private readList(): string[] {
    const items: string[] = [];
    while (!this.take(93 /* ] */)) {
      items.push(this.quoted());
      this.take(44 /* , */);
    }
    return items;
  }

  private quoted(): string {
    if (this.peek() != 34) throw new Error('configuration: expected a string at ' + this.at.toString());
    this.at++;
    const end = this.json.indexOf('"', this.at);
    if (end < 0) throw new Error('configuration: a string does not end');
    const value = this.json.substring(this.at, end);
    if (value.includes('\\')) throw new Error('configuration: "' + value + '" must not contain escapes');
    this.at = end + 1;
    this.skip();
    return value;
  }

  private bare(key: string): string {
    const from = this.at;
    while (this.at < this.json.length && !isDelimiter(this.json.charCodeAt(this.at))) this.at++;
    const value = this.json.substring(from, this.at);
    if (value.length == 0)
      throw new Error('configuration: "' + key + '" must be a number, flag, string or list of strings');
    this.skip();
    return value;
  }

  private peek(): i32 {
    return this.at < this.json.length ? this.json.charCodeAt(this.at) : -1;
  }
  private take(character: i32): bool {
    if (this.peek() != character) return false;
    this.at++;
    this.skip();
    return true;
  }
  private expect(character: i32): void {
    if (!this.take(character))
      throw new Error('configuration: expected ' + String.fromCharCode(character) + ' at ' + this.at.toString());
  }
  private skip(): void {
    while (this.at < this.json.length && this.json.charCodeAt(this.at) <= 32) this.at++;
  }
}

function isDelimiter(character: i32): bool {
  return character <= 32 || character == 44 || character == 125 || character == 123 || character == 91;
}
