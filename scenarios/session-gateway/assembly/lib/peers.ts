import { Config } from './config';
import { resolve } from './reactor';

/** Another VNFC, by its name in the configuration and its address on a link. */
export class Peer {
  private known: i32 = -1;
  constructor(readonly name: string) {}

  /** @returns -1 when the VIM does not know it (yet) */
  get address(): i32 {
    if (this.known < 0) this.known = resolve(this.name);
    return this.known;
  }
}

/** @throws when the configuration names none */
export function namesIn(config: Config, key: string): string[] {
  const names = config.list(key);
  if (names.length == 0) throw new Error('configuration: "' + key + '" must name at least one VNFC');
  return names;
}
