/**
 * kill -9 of the processes of a network at random instants under traffic, each started again from its DataDir: no
 * stored message is lost, no replay accepted, no vote forgotten. The seed of the instants is printed;
 * SAMTPFOTE_SEED=NUMBER repeats them. On Node only: Deno starts the same files, and what a kill leaves on the disk is
 * the store's (kill.test.ts, which runs there, too).
 *
 * Nothing is awaited for less than a minute: a busy machine makes it slow, not red.
 *
 * @module
 */
import { strict as assert } from "node:assert";
import process from "node:process";
import { test } from "node:test";
import { openAccount, optionsOf, register } from "../../adapters/account.ts";
import { connect, type MixClient } from "../../adapters/client_api.ts";
import { ClientError } from "../../adapters/client_error.ts";
import { clientFile } from "../../adapters/config/client.ts";
import { loadConfig } from "../../adapters/config/load.ts";
import { nativeSuite as suite } from "../../adapters/crypto_native.ts";
import { systemRandom } from "../../adapters/entropy.ts";
import type { ClientPlace } from "../../adapters/network_plan.ts";
import { utf8 } from "../../core/bytes.ts";
import { E } from "../../core/fp.ts";
import { wall } from "../../core/machine.ts";
import type { Descriptor } from "../../core/pki/descriptor.ts";
import type { Document } from "../../core/pki/document.ts";
import { epochAt } from "../../core/pki/epoch.ts";
import { newPacket } from "../../core/sphinx/build.ts";
import { katzenpostGeometry as geometry } from "../../core/sphinx/geometry.ts";
import { isDeno } from "../house/runtimes.ts";
import { createPrng, type Prng } from "../sim/prng.ts";
import { type LiveNetwork, startLiveNetwork, type Told } from "./live_network.ts";
import { sendRaw } from "./raw_link.ts";

const long = process.env["SAMTPFOTE_LONG"] === "1";
/** After the kills that look for replays and votes. */
const randomKills = long ? 40 : 1;
/** Messages acknowledged, in all. */
const messagesMin = 20;
const patienceMs = 120_000;
const seed = Number(process.env["SAMTPFOTE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const epochOf = ({ clock }: LiveNetwork): number => epochAt(clock, wall(Date.now())).epoch;

interface Member {
  readonly user: string;
  readonly provider: string;
  readonly key: Uint8Array;
  readonly linkPrivate: Uint8Array;
  readonly connect: () => Promise<MixClient>;
}

const member = async (place: ClientPlace): Promise<Member> => {
  const file = loadConfig(clientFile, place.file);
  const account = openAccount(file, place.file, suite);
  await register(file, place.file, account);
  const options = optionsOf(file, account);
  const timing = { ...options.timing, replySlackMs: 30_000, pollMs: 50 };
  return {
    user: account.user,
    provider: account.provider,
    key: account.keys.identityKey,
    linkPrivate: account.keys.linkPrivate,
    connect: () => connect({ ...options, timing, suite, timeoutMs: patienceMs }),
  };
};

interface Traffic {
  /** What the recipient's Provider has said that it stored. */
  readonly acknowledged: ReadonlyArray<string>;
  /** Until so many more messages have been acknowledged. */
  readonly goesOn: (more: number) => Promise<void>;
  readonly stop: () => void;
}

/** Messages whose acknowledgement is awaited: those that a kill takes along are awaited in vain. */
const outstandingMax = 24;
const sendEveryMs = 500;

/** Some messages are on their way at any time. */
const startTraffic = (client: MixClient, to: Member): Traffic => {
  const acknowledged: string[] = [];
  let [number, outstanding] = [0, 0];
  const sendOne = async (): Promise<void> => {
    const text = `message ${++number}`;
    outstanding++;
    try {
      await client.send(to, text);
      acknowledged.push(text);
    } catch (error) {
      // Lost on the way, or its Provider was not there: it was not acknowledged.
      if (!(error instanceof ClientError)) throw error;
    }
    outstanding--;
  };
  const timer = setInterval(() => outstanding < outstandingMax && void sendOne(), sendEveryMs);
  return {
    acknowledged,
    goesOn: async (more) => {
      const enough = acknowledged.length + more;
      for (const until = Date.now() + patienceMs; acknowledged.length < enough; await sleep(50)) {
        assert.equal(Date.now() < until, true, `${acknowledged.length} messages acknowledged, no more come through`);
      }
    },
    stop: () => clearInterval(timer),
  };
};

/** What is in the mailbox until all that is expected has come, or nothing more does. */
const readMailbox = async (client: MixClient, expected: ReadonlyArray<string>): Promise<string[]> => {
  const missing = new Set(expected);
  const texts: string[] = [];
  const messages = client.messages();
  while (missing.size > 0) {
    const next = await Promise.race([messages.next(), sleep(patienceMs)]);
    if (next === undefined || next.done === true) break;
    texts.push(next.value.text ?? "");
    missing.delete(next.value.text ?? "");
  }
  return texts;
};

/* Packets for the hop that looks for replays; what follows that hop does not matter. */

const descriptorOf = ({ topology, providers }: Document, name: string): Descriptor =>
  [...topology.flat(), ...providers].find((one) => one.name === name)!;

const packetFor = (document: Document, path: ReadonlyArray<string>): Uint8Array => {
  const hops = path.map((name, at) => {
    const { identityKey, mixKeys } = descriptorOf(document, name);
    const last = at === path.length - 1;
    return {
      id: identityKey,
      publicKey: mixKeys.get(document.epoch)!,
      commands: last
        ? [{ type: "Recipient" as const, id: new Uint8Array(64).fill(120) }]
        : [{ type: "NodeDelay" as const, delayMs: 10 }],
    };
  });
  const random = { r: systemRandom, filler: systemRandom };
  const payload = new Uint8Array(geometry.forwardPayloadLength);
  const packet = newPacket({ suite, geometry }, random, hops, payload);
  assert.equal(E.isRight(packet), true, "the packet can be built");
  return E.isRight(packet) ? packet.right : payload;
};

const named = (reason: string, epoch?: unknown) => (line: Told): boolean =>
  line.reason === reason && (epoch === undefined || line["epoch"] === epoch);

/** Until the peer lets us in: after its start it lacks the document for a moment. */
const insist = async (send: () => Promise<boolean>): Promise<void> => {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(100)) if (await send()) return;
  assert.fail("the peer does not let us in");
};

/** Tries on a busy machine, on which the epoch of a packet or a round may end too early. */
const attempts = 5;

interface Replay {
  readonly who: string;
  readonly packetIn: (document: Document) => Uint8Array;
  readonly send: (packets: ReadonlyArray<Uint8Array>) => Promise<boolean>;
}

/** Until the node has dropped a replay: true; false where the key of the packet has gone before it did. */
const isReplayed = async (network: LiveNetwork, who: string, from: number, epoch: number): Promise<boolean> => {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(50)) {
    if (network.lines.slice(from).some((line) => line.who === who && line.reason === "replayed")) return true;
    if (epochOf(network) !== epoch) return false;
  }
  return false;
};

/** The document of the epoch, which everybody has a moment after its beginning. */
const currentDocument = async (network: LiveNetwork, client: MixClient): Promise<Document> => {
  for (const until = Date.now() + patienceMs; Date.now() < until; await sleep(50)) {
    const document = client.document();
    if (document?.epoch === epochOf(network)) return document;
  }
  return assert.fail("the client has no document of the present epoch");
};

/** Sends a packet twice, has the node killed and sends it again: all but the first are dropped as replays. */
const replayAcrossKill = async (
  network: LiveNetwork,
  client: MixClient,
  { who, packetIn, send }: Replay,
): Promise<void> => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    await network.prepare(who);
    const document = await currentDocument(network, client);
    const { epoch } = document;
    await network.told(who, named("document", epoch), 0, patienceMs);
    const from = network.lines.length;
    const copy = packetIn(document);
    await insist(() => send([copy, copy]));
    if (!(await isReplayed(network, who, from, epoch))) continue;
    await network.killAndRestart(who);
    const restarted = network.lines.length;
    await insist(() => send([copy]));
    if (await isReplayed(network, who, restarted, epoch)) return;
  }
  assert.fail(`${who} does not know a packet again that came before it was killed`);
};

/** Whether every authority has the epoch's document with both signatures: none can do without the other's vote. */
const hasConsensus = async (network: LiveNetwork, epoch: unknown): Promise<boolean> => {
  const isEnd = (line: Told): boolean => /^(no-)?consensus$/.test(line.reason) && line["epoch"] === epoch;
  const ends = await Promise.all(
    network.plan.authorities.map(({ name }) => network.told(name, isEnd, 0, patienceMs)),
  );
  return ends.every(({ reason, signatures }) => reason === "consensus" && signatures === 2);
};

/** An authority dies once it has voted; it has to come back with the same vote, for the document needs it. */
const killVoter = async (network: LiveNetwork, prng: Prng): Promise<void> => {
  const { plan: { authorities: [, voter] }, clock: { periodMs } } = network;
  let from = 0;
  for (let attempt = 0; attempt < attempts; attempt++) {
    await network.prepare(voter!.name);
    const { epoch } = await network.told(voter!.name, named("vote"), from, patienceMs);
    await sleep(prng.below(periodMs / 16));
    await network.killAndRestart(voter!.name);
    from = network.lines.length;
    if (await hasConsensus(network, epoch)) return;
  }
  assert.fail(`no document has the vote of ${voter!.name} in ${attempts} rounds in which it was killed`);
};

/** The Provider is killed, then the mix: each is sent the same packet before and after. */
const killUnderReplays = async (network: LiveNetwork, client: MixClient, stranger: Member): Promise<void> => {
  const [mix, provider] = [network.plan.mixes[0]!, network.plan.providers[0]!];
  const user = { additionalData: utf8(stranger.user), linkPrivate: stranger.linkPrivate };
  await replayAcrossKill(network, client, {
    who: provider.name,
    packetIn: (document) => packetFor(document, [provider.name, mix.name, provider.name]),
    send: (packets) => sendRaw(provider.address, user, packets),
  });
  // The mix takes one connection of a node: the Provider has to be away for somebody to stand in its place.
  const node = { additionalData: provider.keys.identityKey, linkPrivate: provider.keys.linkPrivate };
  await network.prepare(mix.name);
  await network.kill(provider.name);
  await replayAcrossKill(network, client, {
    who: mix.name,
    packetIn: (document) => packetFor(document, [mix.name, provider.name]),
    send: (packets) => sendRaw(mix.address, node, packets),
  });
  await network.restart(provider.name);
};

const killAtRandom = async (network: LiveNetwork, prng: Prng, traffic: Traffic): Promise<void> => {
  const { authorities, mixes, providers } = network.plan;
  const victims = [providers[0]!, mixes[0]!, providers[0]!, ...authorities].map(({ name }) => name);
  for (let kill = 0; kill < randomKills; kill++) {
    const victim = victims[kill === 0 ? 0 : prng.below(victims.length)]!;
    await network.prepare(victim);
    await traffic.goesOn(2);
    await sleep(prng.below(1000));
    await network.killAndRestart(victim);
  }
};

test(
  "[FAULT-10] [FAULT-23] [FAULT-38] kill -9 of authority, mix and Provider under traffic: " +
    `acknowledged messages are there, replays are dropped, votes hold (seed ${seed})`,
  { skip: isDeno ? "the run on Node starts the same processes" : false },
  async (t) => {
    t.diagnostic(`SAMTPFOTE_SEED=${seed}`);
    const prng = createPrng(new Uint8Array(32), `instants ${seed}`);
    const network = await startLiveNetwork({ authorities: 2, clients: ["alice", "bob", "carol"] });
    const clients: MixClient[] = [];
    let traffic: Traffic | null = null;
    try {
      const [[alice, bob, carol]] = await Promise.all([
        Promise.all(network.plan.clients.map(member)),
        killVoter(network, prng),
      ]);
      const sender = await alice!.connect();
      clients.push(sender);
      traffic = startTraffic(sender, bob!);
      await traffic.goesOn(2);
      await killUnderReplays(network, sender, carol!);
      await killAtRandom(network, prng, traffic);
      await traffic.goesOn(Math.max(2, messagesMin - traffic.acknowledged.length));
      traffic.stop();
      const acknowledged = [...traffic.acknowledged];
      const receiver = await bob!.connect();
      clients.push(receiver);
      const texts = await readMailbox(receiver, acknowledged);
      t.diagnostic(`${acknowledged.length} messages acknowledged, ${texts.length} fetched`);
      assert.deepEqual(acknowledged.filter((text) => !texts.includes(text)), [], "acknowledged and lost");
      assert.equal(new Set(texts).size, texts.length, "fetched twice");
      const quarrels = network.lines.filter(({ reason }) => reason === "partition" || reason === "vote-refused");
      assert.deepEqual(quarrels, [], "no two votes or documents of one authority");
    } finally {
      traffic?.stop();
      await Promise.all(clients.map((client) => client.close()));
      await network.stop();
    }
  },
);
