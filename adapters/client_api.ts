/**
 * The client library as an application imports it: promises over the client machine, in this process.
 *
 *     const client = await connect({ user, provider, linkPrivate, authorities });
 *     const { rttMs, path } = await client.ping("loop");
 *     await client.send({ user: "bob", provider: "provider2", key: bobsKey }, "Hello");
 *     for await (const message of client.messages()) console.log(message.text);
 *     await client.close();
 *
 * Every call ends: with its result, or with a ClientError whose `code` says why, or with the reason of the AbortSignal
 * it was given. Give each message a deadline of your own by `AbortSignal.timeout(ms)` where the network's is too long.
 *
 * @module
 */
import { fromUtf8, toHex, utf8 } from "../core/bytes.ts";
import { type ClientConfig, type ClientTiming, defaultTiming, defaultTransports } from "../core/client/config.ts";
import type {
  ClientNotice,
  ClientRequest,
  ClientStatus,
  DocumentRefusal,
  FailureReason,
  QueryTarget,
  RefusalReason,
  SentPacket,
} from "../core/client/events.ts";
import { bootClient, clientAddress, createClientSystem } from "../core/client/system.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { Document } from "../core/pki/document.ts";
import { type EpochClock, katzenpostClock } from "../core/pki/epoch.ts";
import { type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import { nativeSuite } from "./crypto_native.ts";
import type { Logger } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { type Shell, startShell } from "./shell.ts";
import { createMemoryStore } from "./store_memory.ts";

export interface ConnectOptions extends Pick<ClientConfig, "user" | "provider" | "linkPrivate" | "authorities"> {
  /** X25519, 32 bytes: for messages between users. Without it the client can only query services. */
  readonly identityPrivate?: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly providerKeyPin?: Uint8Array;
  readonly transports?: ReadonlyArray<string>;
  /** Default true. False makes the user's own packets stand out: for tests. */
  readonly decoys?: boolean;
  readonly timing?: Partial<ClientTiming>;
  /** The network's: epochs of 20 min, packets of 50 KiB and 5 hops, unless it is another. */
  readonly clock?: EpochClock;
  readonly geometry?: Geometry;
  readonly suite?: Suite;
  readonly log?: Logger;
  /** How long to wait for a document and a connection, in ms: default 60,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Sees everything that the client tells, in order, before anything else happens with it. */
  readonly onNotice?: (notice: ClientNotice) => void;
}

export interface CallOptions {
  /** Gives the request up: the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A packet there and back. Names of hops, times in ms. */
export interface RoundTrip extends SentPacket {
  /** From the moment at which the packet left to the reply's retrieval. */
  readonly rttMs: number;
  /** What the service answered: 51198 bytes, zeros behind its data. */
  readonly payload: Uint8Array;
}

export interface Delivery {
  /** One a block, in order. */
  readonly packets: ReadonlyArray<SentPacket>;
  /** Of the last acknowledgement, in ms. */
  readonly rttMs: number;
}

export interface Recipient {
  readonly user: string;
  readonly provider: string;
  /** The recipient's X25519 key, 32 bytes. */
  readonly key: Uint8Array;
}

export interface ReceivedMessage {
  /** The sender's X25519 key, 32 bytes, authenticated. */
  readonly from: Uint8Array;
  /** 16 bytes in hex. */
  readonly id: string;
  readonly payload: Uint8Array;
  /** The payload as UTF-8, or null where it is none. */
  readonly text: string | null;
}

export interface MixClient {
  /** Sends an empty query to a service of a Provider, or of one drawn at random. */
  readonly ping: (capability?: string, provider?: string | null, options?: CallOptions) => Promise<RoundTrip>;
  /** A query (at most 50642 bytes) and its reply. `lengthPrefix` frames it for plugin services (4 bytes less). */
  readonly query: (
    target: QueryTarget,
    payload: Uint8Array,
    options?: CallOptions & { readonly lengthPrefix?: boolean },
  ) => Promise<RoundTrip>;
  /**
   * A message into a user's mailbox, end-to-end encrypted; resolves when all of it has arrived there. An interim of
   * this version: the sender learns the user's Provider. Remote spools will take its place.
   */
  readonly send: (to: Recipient, message: string | Uint8Array, options?: CallOptions) => Promise<Delivery>;
  /**
   * Messages as they come, each once and to one reader. Up to 1024 wait for a reader; after that the oldest are lost.
   */
  readonly messages: () => AsyncIterableIterator<ReceivedMessage>;
  readonly status: () => Promise<ClientStatus>;
  /** The document in force. */
  readonly document: () => Document | null;
  readonly connected: () => boolean;
  /** Ends what is under way with `shutdown` and disconnects. */
  readonly close: () => Promise<void>;
}

export type ClientErrorCode =
  | RefusalReason
  | FailureReason
  | DocumentRefusal
  /** No reply came in time. */
  | "timeout"
  /** No document or no connection in time. */
  | "connect-timeout"
  /** The client is closed, or its process cannot keep up. */
  | "closed"
  | "overloaded"
  /** A bug of ours. */
  | "internal";

const explanations: Readonly<Partial<Record<ClientErrorCode, string>>> = {
  timeout: "no reply came in time",
  "queue-full": "40 packets wait already: try again when some are sent",
  "too-long": "the message is too long",
  "unknown-provider": "the network has no such Provider",
  "unknown-service": "no Provider offers this service",
  "no-identity-key": "messages between users need an identity key",
  "not-sent": "the packet could not be sent",
  "provider-without-loop": "a Provider without a loop service is in the document: decoys would give its users away",
  "pin-mismatch": "the Provider's identity key is not the pinned one",
  "own-provider-missing": "the document does not list the Provider",
};

export class ClientError extends Error {
  override readonly name = "ClientError";
  readonly code: ClientErrorCode;
  constructor(code: ClientErrorCode, detail?: string) {
    const text = explanations[code] ?? code;
    super(detail === undefined ? text : `${text}: ${detail}`);
    this.code = code;
  }
}

const messagesMax = 1024;
const connectTimeoutMs = 60_000;
const closeTimeoutMs = 5_000;
/** A client stores nothing: the store is there because a shell has one. */
const storeBytesMax = 1 << 16;

const silent: Logger = { write: () => {}, reopen: () => {}, close: () => {} };

/** A request under way. */
interface Call {
  readonly packets: SentPacket[];
  readonly onOutcome: (notice: ClientNotice) => void;
}

const configOf = (options: ConnectOptions): ClientConfig => ({
  user: options.user,
  provider: options.provider,
  linkPrivate: options.linkPrivate,
  identityPrivate: options.identityPrivate ?? null,
  authorities: options.authorities,
  clock: options.clock ?? katzenpostClock,
  providerKeyPin: options.providerKeyPin ?? null,
  transports: options.transports ?? defaultTransports,
  decoys: options.decoys ?? true,
  timing: { ...defaultTiming, ...options.timing },
});

const errorOf = (notice: ClientNotice): ClientError => {
  switch (notice.type) {
    case "Refused":
    case "Failed":
    case "DocumentRefused":
      return new ClientError(notice.reason);
    case "Timeout":
      return new ClientError("timeout", `${notice.afterMs} ms after it was sent`);
    default:
      return new ClientError("internal", notice.type);
  }
};

/**
 * Starts a client and waits until it has a document and a connection. Rejects with a ClientError (`connect-timeout`, or
 * why a document is refused) or with the reason of the signal; nothing is left running then.
 */
export const connect = async (options: ConnectOptions): Promise<MixClient> => {
  const calls = new Map<string, Call>();
  const received = createMailbag();
  const watchers = new Set<(notice: ClientNotice | null) => void>();
  const log = options.log ?? silent;
  let document: Document | null = null;
  let connected = false;
  let closed: ClientErrorCode | null = null;
  let numbers = 0;

  const onNotice = (notice: ClientNotice): void => {
    options.onNotice?.(notice);
    if (notice.type === "NewDocument") document = notice.document;
    if (notice.type === "ConnectionUp") connected = true;
    if (notice.type === "ConnectionDown") connected = false;
    if (notice.type === "Message") receive(notice);
    if ("id" in notice) onCallNotice(notice);
    for (const watcher of [...watchers]) watcher(notice);
  };

  const receive = ({ from, messageId, payload }: Extract<ClientNotice, { readonly type: "Message" }>): void => {
    const isLost = received.put({ from, id: toHex(messageId), payload, text: fromUtf8(payload) });
    if (!isLost) return;
    log.write({
      module: "client",
      level: "WARNING",
      reason: "message-unread",
      message: "A message that nobody read is lost.",
    });
  };

  const onCallNotice = (notice: Extract<ClientNotice, { readonly id: string }>): void => {
    const call = calls.get(notice.id);
    if (call === undefined || notice.type === "Accepted") return;
    if (notice.type === "Sent") return void call.packets.push(notice.sent);
    calls.delete(notice.id);
    call.onOutcome(notice);
  };

  const end = (code: ClientErrorCode): void => {
    closed = code;
    connected = false;
    received.end();
    for (const [id, call] of calls) call.onOutcome({ type: "Failed", id, reason: "shutdown" });
    calls.clear();
    for (const watcher of [...watchers]) watcher(null);
  };

  const config = configOf(options);
  const geometry = options.geometry ?? katzenpostGeometry;
  const suite = options.suite ?? nativeSuite;
  const shell: Shell = await startShell({
    system: createClientSystem({ suite, geometry }),
    boot: bootClient(config),
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: storeBytesMax }),
    listeners: [],
    onNotify: (event) => onNotice(event as ClientNotice),
    log,
    metrics: createMetrics(),
    exit: () => end("internal"),
  });

  /** Waits for a notice; null once the client has ended. */
  const notice = <A>(choose: (notice: ClientNotice | null) => A | undefined): Promise<A> =>
    new Promise((resolve) => {
      const watcher = (seen: ClientNotice | null): void => {
        const chosen = choose(seen);
        if (chosen === undefined) return;
        watchers.delete(watcher);
        resolve(chosen);
      };
      watchers.add(watcher);
    });

  const call = <A>(
    request: (id: string) => ClientRequest,
    signal: AbortSignal | undefined,
    read: (outcome: ClientNotice, packets: SentPacket[]) => A | null,
  ): Promise<A> =>
    new Promise((resolve, reject) => {
      if (closed !== null) return reject(new ClientError(closed));
      if (signal?.aborted) return reject(signal.reason);
      const id = `call-${numbers++}`;
      const packets: SentPacket[] = [];
      const cancel = (): void => {
        shell.tell(clientAddress, { type: "Cancel", id } satisfies ClientRequest);
      };
      const onOutcome = (outcome: ClientNotice): void => {
        signal?.removeEventListener("abort", cancel);
        const result = read(outcome, packets);
        if (result !== null) resolve(result);
        else reject(outcome.type === "Failed" && outcome.reason === "cancelled" ? signal?.reason : errorOf(outcome));
      };
      signal?.addEventListener("abort", cancel, { once: true });
      calls.set(id, { packets, onOutcome });
      if (shell.tell(clientAddress, request(id))) return;
      calls.delete(id);
      signal?.removeEventListener("abort", cancel);
      reject(new ClientError("overloaded"));
    });

  const query: MixClient["query"] = (target, payload, { signal, lengthPrefix = false } = {}) =>
    call(
      (id) => ({ type: "Query", id, target, payload, lengthPrefix }),
      signal,
      (outcome, [sent]) => (outcome.type === "Reply" && sent !== undefined
        ? { ...sent, rttMs: outcome.rttMs, payload: outcome.payload }
        : null),
    );

  const close = async (): Promise<void> => {
    if (closed !== null) return;
    const stopped = notice((seen) => (seen === null || seen.type === "Stopped" ? true : undefined));
    closed = "closed";
    shell.tell(clientAddress, { type: "Shutdown" } satisfies ClientRequest);
    await within(stopped, closeTimeoutMs, undefined).catch(() => undefined);
    end("closed");
    await shell.stop();
  };

  const ready = notice((seen) => {
    if (seen === null) return new ClientError("internal");
    if (seen.type === "DocumentRefused") return errorOf(seen);
    return connected && document !== null ? true : undefined;
  });
  const outcome = await within(ready, options.timeoutMs ?? connectTimeoutMs, options.signal).catch((
    error: unknown,
  ) => ({ error }));
  if (outcome !== true) {
    await close();
    throw outcome instanceof ClientError ? outcome : outcome.error;
  }

  return {
    query,
    ping: (capability = "loop", provider = null, callOptions = {}) =>
      query({ type: "Service", capability, provider }, new Uint8Array(0), callOptions),
    send: ({ user, provider, key }, message, { signal } = {}) =>
      call(
        (id) => {
          const payload = typeof message === "string" ? utf8(message) : message;
          return { type: "SendMessage", id, user, provider, recipientKey: key, payload };
        },
        signal,
        (result, packets) => (result.type === "Delivered" ? { packets, rttMs: result.rttMs } : null),
      ),
    messages: () => received.read(),
    status: () =>
      call((id) => ({ type: "Status", id }), undefined, (result) => (result.type === "Status" ? result.status : null)),
    document: () => document,
    connected: () => connected,
    close,
  };
};

/** The promise, or a rejection with `connect-timeout` or the signal's reason, whichever comes first. */
const within = async <A>(promise: Promise<A>, ms: number, signal: AbortSignal | undefined): Promise<A> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort = (): void => {};
  const limit = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal?.reason);
    if (signal?.aborted) onAbort();
    timer = setTimeout(() => reject(new ClientError("connect-timeout", `${ms} ms`)), ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
};

interface Mailbag {
  /** True where the oldest message was lost for it. */
  readonly put: (message: ReceivedMessage) => boolean;
  readonly end: () => void;
  readonly read: () => AsyncIterableIterator<ReceivedMessage>;
}

/** Messages between the client and its readers. */
const createMailbag = (): Mailbag => {
  const waiting: ReceivedMessage[] = [];
  const readers: Array<(result: IteratorResult<ReceivedMessage>) => void> = [];
  let ended = false;
  const finished: IteratorResult<ReceivedMessage> = { done: true, value: undefined };
  const next = (): Promise<IteratorResult<ReceivedMessage>> => {
    const value = waiting.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    return ended ? Promise.resolve(finished) : new Promise((resolve) => readers.push(resolve));
  };
  const iterator: AsyncIterableIterator<ReceivedMessage> = { next, [Symbol.asyncIterator]: () => iterator };
  return {
    put: (message) => {
      const reader = readers.shift();
      if (reader !== undefined) reader({ done: false, value: message });
      else waiting.push(message);
      if (waiting.length <= messagesMax) return false;
      waiting.shift();
      return true;
    },
    end: () => {
      ended = true;
      for (const reader of readers.splice(0)) reader(finished);
    },
    read: () => iterator,
  };
};
