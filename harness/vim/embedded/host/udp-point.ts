import { createSocket, type Socket } from 'node:dgram';
import { LoopbackPoint } from './loopback-point.js';

/** So many peers are remembered, the latest ones. */
const mostPeers = 16_384;

/** UDP on 127.0.0.1: each datagram is a message; a handle names the peer. */
export class UdpPoint extends LoopbackPoint<Socket> {
  protected readonly scheme = 'udp';
  readonly #peers = new Map<number, { address: string; port: number }>();
  readonly #handles = new Map<string, number>();

  protected make(): Socket {
    return createSocket('udp4');
  }

  protected async listen(socket: Socket, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, '127.0.0.1', resolve);
    });
    socket.on('error', (e) => this.complain(`UDP socket: ${e.message}`));
    socket.on('message', (data, peer) => this.takeIn(this.#handleOf(peer.address, peer.port), new Uint8Array(data)));
    return socket.address().port;
  }

  protected shut(socket: Socket): void {
    socket.close();
  }

  answer(handle: number, data: Uint8Array): void {
    const peer = this.#peers.get(handle);
    if (peer === undefined) return;
    // A datagram that is too long is lost, as on every network.
    this.socket?.send(data, peer.port, peer.address, (e) => e && this.complain(`datagram not sent: ${e.message}`));
  }

  /** A datagram waits for nothing. */
  turnAwaySince(): void {}

  #handleOf(address: string, port: number): number {
    const key = `${address}:${port}`;
    const known = this.#handles.get(key);
    if (known !== undefined) return known;
    const handle = this.handles.next();
    this.#handles.set(key, handle);
    this.#peers.set(handle, { address, port });
    if (this.#peers.size > mostPeers) {
      const [oldest] = this.#peers.keys();
      const peer = oldest === undefined ? undefined : this.#peers.get(oldest);
      if (oldest !== undefined) this.#peers.delete(oldest);
      if (peer !== undefined) this.#handles.delete(`${peer.address}:${peer.port}`);
    }
    return handle;
  }
}
