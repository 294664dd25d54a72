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
import type { ClientNotice, ClientRequest, ClientStatus, QueryTarget, SentPacket } from "../core/client/events.ts";
import { bootClient, clientAddress, createClientSystem } from "../core/client/system.ts";
import type { Suite } from "../core/crypto/suite.ts";
import type { Document } from "../core/pki/document.ts";
import { type EpochClock, katzenpostClock } from "../core/pki/epoch.ts";
import { type Geometry, katzenpostGeometry } from "../core/sphinx/geometry.ts";
import { createCalls } from "./client_calls.ts";
import { ClientError, type ClientErrorCode, errorOf } from "./client_error.ts";
import { nativeSuite } from "./crypto_native.ts";
import type { Logger } from "./log.ts";
import { createMailbag, type ReceivedMessage } from "./mailbag.ts";
import { createMetrics } from "./metrics.ts";
import { type Shell, startShell } from "./shell.ts";
import { createMemoryStore } from "./store_memory.ts";

export { ClientError, type ClientErrorCode } from "./client_error.ts";
export type { ReceivedMessage } from "./mailbag.ts";

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
  /** Ends what is under way with `shutdown` and disconnects. Takes 5 s at most. */
  readonly close: () => Promise<void>;
}

const connectTimeoutMs = 60_000;
const closeTimeoutMs = 5_000;
/** A client stores nothing: the store is there because a shell has one. */
const storeBytesMax = 1 << 16;

const silent: Logger = { write: () => {}, reopen: () => {}, close: () => {} };

/** What the machine is started with. */
export const configOf = (options: ConnectOptions): ClientConfig => ({
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

/** Calls what an application gave us: what it throws is its own and goes to its process, not into the client. */
const guarded = <A>(callback: ((value: A) => void) | undefined) => (value: A): void => {
  try {
    callback?.(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
};

/** What is known of a client from what it has told. */
interface Progress {
  document: Document | null;
  connected: boolean;
  /** Why it has ended. */
  ended: ClientErrorCode | null;
}

/**
 * Starts a client and waits until it has a document and a connection. Rejects with a ClientError (`connect-timeout`, or
 * why a document is refused) or with the reason of the signal; nothing is left running then.
 */
export const connect = async (options: ConnectOptions): Promise<MixClient> => {
  const progress: Progress = { document: null, connected: false, ended: null };
  const mailbag = createMailbag();
  const watchers = new Set<() => void>();
  const log = options.log ?? silent;
  const show = guarded(options.onNotice);
  let refused: ClientError | null = null;

  const changed = (): void => {
    for (const watcher of [...watchers]) watcher();
  };

  const onNotice = (notice: ClientNotice): void => {
    show(notice);
    if (notice.type === "NewDocument") progress.document = notice.document;
    if (notice.type === "ConnectionUp") progress.connected = true;
    if (notice.type === "ConnectionDown") progress.connected = false;
    if (notice.type === "DocumentRefused") refused = errorOf(notice);
    if (notice.type === "Message") receive(notice);
    if (notice.type === "Stopped") end("closed");
    calls.onNotice(notice);
    changed();
  };

  const receive = ({ from, messageId, payload }: Extract<ClientNotice, { readonly type: "Message" }>): void => {
    if (!mailbag.put({ from, id: toHex(messageId), payload, text: fromUtf8(payload) })) return;
    const message = "A message that nobody read is lost.";
    log.write({ module: "client", level: "WARNING", reason: "message-unread", message });
  };

  const end = (code: ClientErrorCode): void => {
    if (progress.ended !== null) return;
    progress.ended = code;
    progress.connected = false;
    mailbag.end();
    calls.end(code);
    changed();
  };

  let shell: Shell | null = null;
  const calls = createCalls((request: ClientRequest) => shell?.tell(clientAddress, request) ?? false);
  const geometry = options.geometry ?? katzenpostGeometry;
  const suite = options.suite ?? nativeSuite;
  const started = await startShell({
    system: createClientSystem({ suite, geometry }),
    boot: bootClient(configOf(options)),
    sphinx: { suite, geometry },
    store: createMemoryStore({ bytesMax: storeBytesMax }),
    listeners: [],
    onNotify: (event) => onNotice(event as ClientNotice),
    log,
    metrics: createMetrics(),
    exit: () => end("internal"),
  });
  shell = started;

  /** Resolves when something holds. */
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const watcher = (): void => {
        if (!holds()) return;
        watchers.delete(watcher);
        resolve();
      };
      watchers.add(watcher);
      watcher();
    });

  let closing: Promise<void> | null = null;
  const shutDown = async (): Promise<void> => {
    started.tell(clientAddress, { type: "Shutdown" } satisfies ClientRequest);
    await within(until(() => progress.ended !== null), closeTimeoutMs, undefined).catch(() => undefined);
    end("closed");
    await started.stop();
  };
  const close = (): Promise<void> => closing ??= shutDown();

  const isReady = (): boolean => progress.connected && progress.document !== null;
  const hasFailed = (): boolean => progress.ended !== null || (refused !== null && progress.document === null);
  try {
    await within(until(() => isReady() || hasFailed()), options.timeoutMs ?? connectTimeoutMs, options.signal);
    if (!isReady()) throw refused ?? new ClientError(progress.ended ?? "internal");
  } catch (error) {
    await close();
    throw error;
  }

  const query: MixClient["query"] = (target, payload, { signal, lengthPrefix = false } = {}) =>
    calls.call(
      (id) => ({ type: "Query", id, target, payload, lengthPrefix }),
      signal,
      (outcome, [sent]) =>
        outcome.type === "Reply" && sent !== undefined
          ? { ...sent, rttMs: outcome.rttMs, payload: outcome.payload }
          : null,
    );

  return {
    query,
    ping: (capability = "loop", provider = null, callOptions = {}) =>
      query({ type: "Service", capability, provider }, new Uint8Array(0), callOptions),
    send: ({ user, provider, key }, message, { signal } = {}) => {
      const payload = typeof message === "string" ? utf8(message) : message;
      return calls.call(
        (id) => ({ type: "SendMessage", id, user, provider, recipientKey: key, payload }),
        signal,
        (outcome, packets) => (outcome.type === "Delivered" ? { packets, rttMs: outcome.rttMs } : null),
      );
    },
    messages: () => mailbag.read(),
    status: () =>
      calls.call(
        (id) => ({ type: "Status", id }),
        undefined,
        (outcome) => (outcome.type === "Status" ? outcome.status : null),
      ),
    document: () => progress.document,
    connected: () => progress.connected,
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
