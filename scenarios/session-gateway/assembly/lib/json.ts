/** Writes JSON; the caller keeps the order, this keeps the commas. Texts must need no escaping. */
export class Json {
  private out: string = '';
  private first: bool = true;

  open(key: string = ''): this {
    this.key(key);
    this.out += '{';
    this.first = true;
    return this;
  }
  close(): this {
    this.out += '}';
    this.first = false;
    return this;
  }
  text(key: string, value: string): this {
    this.key(key);
    this.out += '"' + value + '"';
    return this;
  }
  number(key: string, value: f64): this {
    this.key(key);
    this.out += value == Math.floor(value) && Math.abs(value) < 1e15 ? (<i64>value).toString() : value.toString();
    return this;
  }
  flag(key: string, value: bool): this {
    this.key(key);
    this.out += value ? 'true' : 'false';
    return this;
  }
  toString(): string {
    return this.out;
  }

  private key(key: string): void {
    if (!this.first) this.out += ',';
    this.first = false;
    if (key.length > 0) this.out += '"' + key + '":';
  }
}
