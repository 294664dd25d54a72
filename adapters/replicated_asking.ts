/**
 * What an application asks of one replica of a replicated spool, and how it checks the answers: the ground of
 * replicated_client.ts and replicated_members.ts.
 *
 * @module
 */
import { equal } from "../core/bytes.ts";
import { exponentialMs, type Random } from "../core/random.ts";
import type { Suite } from "../core/crypto/suite.ts";
import { type Audit, newAudit, observeAnswer, observeReceipt, type ReadItem } from "../core/spool/audit.ts";
import type { ReplicaDescriptor } from "../core/spool/durable.ts";
import type { Head } from "../core/spool/equivocation.ts";
import { decodeHosted, encodeHost, signHost, unframed } from "../core/spool/hosting_wire.ts";
import { encodePurge, signPurge, verifyPurge } from "../core/spool/purge.ts";
import { signRead } from "../core/spool/read.ts";
import type { Receipt } from "../core/spool/receipts.ts";
import { decodeReply, encodeRequest, type Reply, type SyncItem } from "../core/spool/replica_wire.ts";
import type { Part } from "../core/spool/signed.ts";
import { decodeWrite, type SpoolIndex, type Write } from "../core/spool/write.ts";
import { type CallOptions, ClientError, type MixClient } from "./client_api.ts";
import { fillRandom } from "./entropy.ts";
import { presentEpoch, type SpoolClientOptions, SpoolError } from "./spool_client.ts";

export interface ReplicatedClientOptions extends SpoolClientOptions {
  readonly client: Pick<MixClient, "query" | "document">;
}

/** Something to be written to a spool, anywhere and more than once: it stays the same write. */
export interface Prepared {
  readonly write: Write;
  /** Of a message. */
  readonly body: Uint8Array | null;
}

export interface ReadAt extends CallOptions {
  readonly after: SpoolIndex | null;
  readonly audit: Audit;
}

export interface ReadAnswer {
  readonly items: ReadonlyArray<ReadItem>;
  readonly head: Head;
  /** Where the next read goes on. */
  readonly position: SpoolIndex | null;
  readonly audit: Audit;
}

export interface Asking {
  /** Asks a Provider for a replica, by the root key. */
  readonly host: (
    rootKey: Uint8Array,
    provider: string,
    capability: string,
    call: CallOptions,
  ) => Promise<ReplicaDescriptor>;
  /** The checked receipts of all replicas that are known to hold a write, the asked one's among them. */
  readonly add: (
    spool: Uint8Array,
    replica: ReplicaDescriptor,
    prepared: Prepared,
    call: CallOptions,
  ) => Promise<ReadonlyArray<Receipt>>;
  /** What a replica has of a part after a position: up to 64 entries. */
  readonly read: (
    spool: Uint8Array,
    readKey: Uint8Array,
    replica: ReplicaDescriptor,
    part: Part,
    options: ReadAt,
  ) => Promise<ReadAnswer>;
  /** Has a replica deleted, by the root key. */
  readonly purge: (rootKey: Uint8Array, replica: ReplicaDescriptor, call: CallOptions) => Promise<void>;
  /** Makes a call again whose request may have been lost. */
  readonly insist: <A>(attempt: () => Promise<A>) => Promise<A>;
}

const readLimit = 64;
/** A replica that has just started reads its store, and one that many ask has a full queue: it is asked again. */
const busyAttempts = 5;
/** Whoever loses a request must not foretell when it comes again (specs/kaetzchen.rst §5): drawn, with this mean. */
const againMeanMs = 500;
/** What was lost comes again one after the other, at this distance (specs/end_to_end.rst §4). */
const lostApartMs = 3_000;
const lostAttempts = 8;

/** Draws from the system. */
export const entropy: Random = {
  bytes: (length) => {
    const bytes = new Uint8Array(length);
    fillRandom(bytes);
    return bytes;
  },
};

const mixAddress = ({ addresses }: ReplicaDescriptor) => {
  const address = addresses.find((one) => one.includes("@")) ?? "";
  const at = address.lastIndexOf("@");
  return { type: "Recipient", recipient: address.slice(0, at), provider: address.slice(at + 1) } as const;
};

const drawnPauseMs = (): number => exponentialMs(entropy, 1 / againMeanMs, 0);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Why a request may as well have been lost: it is idempotent, and made again. */
const lost: ReadonlySet<string> = new Set(["timeout", "not-sent", "queue-full", "no-path"]);

const itemOf = ({ entry, body }: SyncItem): ReadItem | null => {
  const write = decodeWrite(entry.message);
  return write === null ? null : { header: entry.header, write, body };
};

type Expected<T extends Reply["type"]> = Extract<Reply, { readonly type: T }>;

/** What a replica said instead: of a purge only with the root key's signature, since it is for good. */
const refusalOf = (suite: Suite, spool: Uint8Array, reply: Reply): SpoolError => {
  if (reply.type !== "purged") return new SpoolError(reply.status === "ok" ? "malformed" : reply.status);
  const isProved = reply.signature !== null && verifyPurge(suite, { spool, signature: reply.signature });
  return new SpoolError(reply.signature === null ? reply.status : isProved ? "purged" : "altered");
};

export const createAsking = (options: ReplicatedClientOptions): Asking => {
  const { client, suite, clock } = options;
  let freeAt = 0;

  const insist: Asking["insist"] = async (attempt) => {
    for (let made = 1;; made++) {
      try {
        return await attempt();
      } catch (error) {
        if (made >= lostAttempts || !(error instanceof ClientError) || !lost.has(error.code)) throw error;
        const now = performance.now();
        freeAt = Math.max(now, freeAt) + lostApartMs + drawnPauseMs();
        await pause(freeAt - now);
      }
    }
  };

  /** Asks again what is busy. */
  const patiently = async <A extends { readonly status: string }>(attempt: () => Promise<A>): Promise<A> => {
    let answer = await attempt();
    for (let made = 1; answer.status === "busy" && made < busyAttempts; made++) {
      await pause(drawnPauseMs());
      answer = await attempt();
    }
    return answer;
  };

  const askOnce = async (replica: ReplicaDescriptor, bytes: Uint8Array, call: CallOptions): Promise<Reply> => {
    const { payload } = await client.query(mixAddress(replica), bytes, { ...call, lengthPrefix: true });
    const answer = unframed(payload);
    const reply = answer === null ? null : decodeReply(answer);
    if (reply === null) throw new SpoolError("malformed");
    return reply;
  };

  const ask = async <T extends "added" | "items" | "purged">(
    spool: Uint8Array,
    replica: ReplicaDescriptor,
    bytes: Uint8Array,
    expected: T,
    call: CallOptions,
  ): Promise<Expected<T>> => {
    const reply = await patiently(() => askOnce(replica, bytes, call));
    if (reply.status !== "ok" || reply.type !== expected) throw refusalOf(suite, spool, reply);
    return reply as Expected<T>;
  };

  /** The service's endpoint at a Provider, and the direct link that it offers other replicas, if any. */
  const serviceAt = (provider: string, capability: string): { readonly recipient: string; readonly link: string[] } => {
    const found = client.document()?.providers.find(({ name }) => name === provider)?.kaetzchen?.get(capability);
    const [recipient, link] = [found?.get("endpoint"), found?.get("link")];
    if (typeof recipient !== "string") throw new SpoolError(`no service ${capability} at ${provider}`);
    return { recipient, link: typeof link === "string" ? [link] : [] };
  };

  return {
    insist,
    host: async (rootKey, provider, capability, call) => {
      const { recipient, link } = serviceAt(provider, capability);
      const request = encodeHost(signHost(suite, rootKey, presentEpoch(clock)));
      const target = { type: "Recipient", recipient, provider } as const;
      const hosted = await patiently(async () => {
        const { payload } = await client.query(target, request, { ...call, lengthPrefix: true });
        const bytes = unframed(payload);
        return (bytes === null ? null : decodeHosted(bytes)) ?? { status: "malformed", key: null };
      });
      if (hosted.status !== "ok" || hosted.key === null) throw new SpoolError(hosted.status);
      return { key: hosted.key, addresses: [`${recipient}@${provider}`, ...link] };
    },
    add: async (spool, replica, { write, body }, call) => {
      const request = encodeRequest({ type: "add", spool, write, body });
      const { receipts } = await ask(spool, replica, request, "added", call);
      const checked = receipts.filter((receipt) =>
        observeReceipt(suite, newAudit(spool), write, receipt).finding === null
      );
      if (!checked.some((receipt) => equal(receipt.replica, replica.key))) throw new SpoolError("altered");
      return checked;
    },
    read: async (spool, readKey, replica, part, { after, audit, ...call }) => {
      const about = { part, after, limit: readLimit, epoch: presentEpoch(clock) } as const;
      const request = signRead(suite, readKey, spool, replica.key, about);
      const bytes = encodeRequest({ type: "read", spool, read: request });
      const { items, head } = await ask(spool, replica, bytes, "items", call);
      const found = items.map(itemOf).filter((item) => item !== null);
      if (head === null || found.length !== items.length) throw new SpoolError("altered");
      const observed = observeAnswer(suite, audit, replica.key, request, { items: found, head });
      if (observed.finding !== null) throw new SpoolError(observed.finding);
      const last = found.at(-1)?.header;
      const position = last === undefined
        ? after
        : { replica: replica.key, index: last.index, signature: last.signature };
      return { items: found, head, position, audit: observed.audit };
    },
    purge: async (rootKey, replica, call) => {
      const bytes = encodePurge(signPurge(suite, rootKey));
      await ask(rootKey.subarray(32), replica, bytes, "purged", call);
    },
  };
};
