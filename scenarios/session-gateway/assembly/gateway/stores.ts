import { Reader, Writer } from '../lib/bytes';
import { Config } from '../lib/config';
import { Announcement, Role } from '../lib/messages';
import * as host from '../lib/ordeal';
import { namesIn, Peer } from '../lib/peers';
import { Level, log, randomBelow } from '../lib/reactor';

/** A store as its announcements tell it. */
export class StoreView {
  readonly peer: Peer;
  readonly said: Announcement = new Announcement();
  heardAt: f64 = -1e9;

  constructor(readonly name: string) {
    this.peer = new Peer(name);
  }

  get silentMs(): f64 {
    return host.monotonic() - this.heardAt;
  }
}

/** What a worker knows of the stores: whom to ask for a session, and whom to give a change to. */
export class Stores {
  readonly all: StoreView[] = [];
  readonly silentAfterMs: f64;
  primary: StoreView | null = null;

  constructor(config: Config) {
    const names = namesIn(config, 'stores');
    for (let i = 0; i < names.length; i++) this.all.push(new StoreView(names[i]));
    this.silentAfterMs = config.number('storeSilentMs', 250);
  }

  onAnnouncement(from: i32, payload: Reader): void {
    for (let i = 0; i < this.all.length; i++) {
      const store = this.all[i];
      if (store.peer.address != from) continue;
      store.said.read(payload);
      store.heardAt = host.monotonic();
      if (store.said.role == Role.Primary && this.primary !== store) this.follow(store);
    }
  }

  /** The address of the primary; -1 when none is heard. */
  forChange(): i32 {
    const primary = this.primary;
    return primary === null || primary.silentMs > this.silentAfterMs ? -1 : primary.peer.address;
  }

  /** Any store that is ready, not the one that was asked before if there is another; -1 when there is none. */
  forRead(notThis: i32): i32 {
    const first = randomBelow(this.all.length);
    let last = -1;
    for (let i = 0; i < this.all.length; i++) {
      const store = this.all[(first + i) % this.all.length];
      if (!store.said.ready || store.silentMs > this.silentAfterMs) continue;
      last = store.peer.address;
      if (last != notThis) return last;
    }
    return last;
  }

  write(to: Writer): void {
    const primary = this.primary;
    to.text(primary === null ? '' : primary.name).u8(<u8>(this.forChange() >= 0));
    to.u8(<u8>this.all.length);
    for (let i = 0; i < this.all.length; i++) {
      const store = this.all[i];
      to.text(store.name).f64(store.silentMs);
      store.said.write(to);
    }
  }

  private follow(store: StoreView): void {
    this.primary = store;
    log(Level.Info, 'the primary is ' + store.name + ', epoch ' + store.said.epoch.toString());
  }
}
