/**
 * Who uses the replicated spool of a simulated network: a creator and writer, and a reader, each an ordinary client.
 * The spool has a replica at each Provider; messages are written through one of them, drawn for each, and again through
 * another where no answer comes. What was acknowledged, written, removed and read is remembered. At the end the creator
 * may have the spool deleted.
 *
 * @module
 */
import { concat, toHex, utf8 } from "../../core/bytes.ts";
import type { ClientNotice, ClientRequest } from "../../core/client/events.ts";
import { clientAddress } from "../../core/client/system.ts";
import type { Suite } from "../../core/crypto/suite.ts";
import { deriveSeed } from "../../core/random.ts";
import { creation } from "../../core/spool/durable.ts";
import { decodeHosted, encodeHost, signHost, unframed } from "../../core/spool/hosting_wire.ts";
import { encodePurge, signPurge } from "../../core/spool/purge.ts";
import { signRead } from "../../core/spool/read.ts";
import { decodeReply, encodeRequest, type Reply, type Request } from "../../core/spool/replica_wire.ts";
import { encodeOperation } from "../../core/spool/set.ts";
import {
  contentId,
  decodeWrite,
  encodeRemoval,
  signWrite,
  type SpoolIndex,
  type Write,
} from "../../core/spool/write.ts";
import type { Observer } from "./watch.ts";
import type { Prng } from "./prng.ts";
import { spoolEndpoint } from "./spool_network.ts";
import type { World } from "./world.ts";

export interface SpoolUsersOptions {
  readonly suite: Suite;
  readonly prng: Prng;
  readonly writer: string;
  readonly reader: string;
  readonly providers: ReadonlyArray<string>;
  /** Of the moment. */
  readonly epoch: () => number;
}

/** Before what failed is asked again, in ms. */
const againMs = 2_000;

export const createSpoolUsers = ({ suite, prng, writer, reader, providers, epoch }: SpoolUsersOptions) => {
  const keyOf = (name: string): Uint8Array => {
    const seed = deriveSeed(new Uint8Array(32), name);
    return concat(seed, suite.ed25519Public(seed));
  };
  const [root, author, observer] = ["root", "author", "observer"].map(keyOf) as [Uint8Array, Uint8Array, Uint8Array];
  const spool = root.subarray(32);
  /** By Provider: the spool keys. */
  const replicas = new Map<string, Uint8Array>();
  const written = new Map<string, string>();
  const acknowledged = new Set<string>();
  const removed = new Set<string>();
  /** By Provider: content to body, in hex. */
  const views = new Map<string, Map<string, string>>(providers.map((name) => [name, new Map()]));
  const waiting = new Map<string, (payload: Uint8Array | null) => void>();
  let [requests, operations, removals, isReady] = [0, 0, 0, false];
  let world: World;

  /** One query; the frame of its reply, or null. */
  const ask = (
    client: string,
    provider: string,
    bytes: Uint8Array,
    answer: (reply: Uint8Array | null) => void,
  ): void => {
    const id = `spool-${++requests}`;
    const target = { type: "Recipient", recipient: spoolEndpoint, provider } as const;
    const request: ClientRequest = { type: "Query", id, target, payload: bytes, lengthPrefix: true };
    waiting.set(id, (payload) => answer(payload === null ? null : unframed(payload)));
    world.host(client).tell(clientAddress, request);
  };

  const askReplica = (client: string, provider: string, one: Request, answer: (reply: Reply | null) => void): void =>
    ask(client, provider, encodeRequest(one), (bytes) => answer(bytes === null ? null : decodeReply(bytes)));

  const later = (action: () => void): void => world.at(world.now() + againMs, action);

  /** Adds until a replica has taken it, each time through the next of some. */
  const persist = (through: ReadonlyArray<string>, write: Write, body: Uint8Array | null, done: () => void): void =>
    askReplica(writer, through[0]!, { type: "add", spool, write, body }, (reply) => {
      if (reply?.type === "added" && reply.status === "ok") return done();
      later(() => persist([...through.slice(1), through[0]!], write, body, done));
    });

  const grant = (): void => {
    const descriptors = [...replicas].map(([name, key]) => ({ key, addresses: [`${spoolEndpoint}@${name}`] }));
    const [writers, readers] = [[author.subarray(32)], [observer.subarray(32)]];
    const roles = { dataWriters: writers, dataReaders: readers, canonicalReaders: readers, dataEncryption: [] };
    let left = 0;
    creation(descriptors, roles).forEach((operation, at) => {
      const body = encodeOperation(operation);
      const write = signWrite(suite, root, spool, { kind: "meta", sequence: operations++, epoch: epoch() }, body);
      // Who the replicas are each has to be told; the rest they tell one another.
      for (const provider of at < descriptors.length ? providers : providers.slice(0, 1)) {
        left++;
        persist([provider], write, null, () => isReady = --left === 0);
      }
    });
  };

  const found = (provider: string): void =>
    ask(writer, provider, encodeHost(signHost(suite, root, epoch())), (bytes) => {
      const hosted = bytes === null ? null : decodeHosted(bytes);
      if (hosted?.key === null || hosted?.key === undefined) return later(() => found(provider));
      replicas.set(provider, hosted.key);
      if (replicas.size === providers.length) grant();
    });

  const append = (number: number): void => {
    if (!isReady) return later(() => append(number));
    const body = utf8(`message ${number}`);
    const write = signWrite(suite, author, spool, { kind: "message", sequence: number, epoch: epoch() }, body);
    const content = contentId(suite, spool, write);
    written.set(content, toHex(body));
    const first = prng.below(providers.length);
    persist([...providers.slice(first), ...providers.slice(0, first)], write, body, () => acknowledged.add(content));
  };

  /** The reader removes a message that was acknowledged, at a replica that need not have it yet. */
  const remove = (number: number): void => {
    const content = [...written.keys()][number];
    if (content === undefined || !acknowledged.has(content)) return later(() => remove(number));
    const about = { kind: "tombstone", sequence: removals++, epoch: epoch() } as const;
    const write = signWrite(suite, observer, spool, about, encodeRemoval(content));
    const first = prng.below(providers.length);
    const through = [...providers.slice(first), ...providers.slice(0, first)];
    persist(through, write, null, () => removed.add(content));
  };

  const purge = (provider: string, done: () => void): void =>
    ask(writer, provider, encodePurge(signPurge(suite, root)), (bytes) => {
      const reply = bytes === null ? null : decodeReply(bytes);
      if (reply?.type === "purged" && reply.status === "ok") done();
      else later(() => purge(provider, done));
    });

  /** Asks a replica until it says that the spool was purged. */
  const mourn = (provider: string, done: () => void): void => {
    const replica = replicas.get(provider)!;
    const read = signRead(suite, observer, spool, replica, { part: "data", after: null, limit: 1, epoch: epoch() });
    askReplica(reader, provider, { type: "read", spool, read }, (reply) => {
      if (reply?.type === "purged" && reply.status === "purged") done();
      else later(() => mourn(provider, done));
    });
  };

  /** Reads all that one replica has. */
  const readFrom = (provider: string, after: SpoolIndex | null, done: () => void): void => {
    const replica = replicas.get(provider);
    if (replica === undefined) return later(() => readFrom(provider, after, done));
    const read = signRead(suite, observer, spool, replica, { part: "data", after, limit: 64, epoch: epoch() });
    askReplica(reader, provider, { type: "read", spool, read }, (reply) => {
      if (reply?.type !== "items" || reply.status !== "ok") return later(() => readFrom(provider, after, done));
      let last = after;
      for (const { entry, body } of reply.items) {
        last = { replica, index: entry.header.index, signature: entry.header.signature };
        if (body !== null) views.get(provider)!.set(contentId(suite, spool, decodeWrite(entry.message)!), toHex(body));
      }
      if (reply.items.length === 0) done();
      else readFrom(provider, last, done);
    });
  };

  const users: Observer = {
    emission: (_at, host, { from, effect }) => {
      if ((host !== writer && host !== reader) || from !== clientAddress || effect.type !== "Notify") return;
      const notice = effect.event as ClientNotice;
      if (!("id" in notice) || !["Reply", "Timeout", "Failed", "Refused"].includes(notice.type)) return;
      const answer = waiting.get(notice.id);
      waiting.delete(notice.id);
      answer?.(notice.type === "Reply" ? notice.payload : null);
    },
  };

  return {
    observer: users,
    written,
    acknowledged,
    removed,
    views,
    enter: (into: World): void => void (world = into),
    found: () => providers.forEach(found),
    append,
    remove,
    /** `done` once all there is has been read. */
    read: (provider: string, done: () => void): void => {
      views.get(provider)!.clear();
      readFrom(provider, null, done);
    },
    purge,
    mourn,
  };
};
