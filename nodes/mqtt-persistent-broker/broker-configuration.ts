import type { Node, NodeAPI } from 'node-red';
import { TopicAliasWishes } from '../../src/connection/topic-alias-wishes';
import type { HostedSession } from './session-host';
import {
  type BrokerConfig,
  type BrokerCredentials,
  type BrokerSettings,
  type BrokerSurroundings,
  brokerSettings,
  withOverrides,
} from './settings';

const DEFAULT_MAX_RECONNECT_DELAY_MS = 30_000;

/** How the broker node is configured, with what connect actions changed since; and what that means for its session. */
export class BrokerConfiguration {
  /** Topic aliases that flows ask for. */
  readonly topicAliases = new TopicAliasWishes();
  #config: BrokerConfig;
  #settings: BrokerSettings;
  /** The session was made with other settings. */
  #isChanged = false;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    config: BrokerConfig,
    private readonly surroundings: Pick<BrokerSurroundings, 'storeExpiry' | 'addTLSOptions'>,
  ) {
    this.#config = config;
    this.#settings = this.#settingsOf(config, this.#credentials);
  }

  get config(): BrokerConfig {
    return this.#config;
  }

  get settings(): BrokerSettings {
    return this.#settings;
  }

  /** Longest pause between two attempts to connect. */
  get maxReconnectDelayMs(): number {
    const configured = Number((this.RED.settings as { mqttReconnectTime?: unknown }).mqttReconnectTime);
    return Math.max(DEFAULT_MAX_RECONNECT_DELAY_MS, configured || 0);
  }

  /** Where a client id connects to, for people to read: without credentials. */
  address(clientId: string | undefined): string {
    const { url } = this.#settings.connection;
    return `${clientId}@${url.replace(/\/\/[^/]*@/, '//')}`;
  }

  /** Settings in place of the present ones, until the node is deployed again. */
  override(overrides: Record<string, unknown>): void {
    const { config, credentials } = withOverrides(this.#config, this.#credentials, overrides);
    this.#config = config;
    this.#settings = this.#settingsOf(config, credentials);
    this.#isChanged = true;
  }

  /** What the session is made with, if that is not what it was when this was last asked for. */
  takeChange(): HostedSession | undefined {
    if (!this.#isChanged) return undefined;
    this.#isChanged = false;
    return this.hosted();
  }

  /** What the session is made with. */
  hosted(): HostedSession {
    const { clientId, connection, birth, close, expiryInterval, onSessionLost } = this.#settings;
    const { maxInflight, brokerReceiveMaximum, maxSendRate } = this.#settings;
    return {
      clientId,
      connection: { ...connection, topicAliases: this.topicAliases },
      expiryInterval,
      onSessionLost,
      maxReconnectDelayMs: this.maxReconnectDelayMs,
      ...(birth === undefined ? {} : { birth }),
      ...(close === undefined ? {} : { close }),
      ...(maxInflight === undefined ? {} : { maxInflight }),
      ...(brokerReceiveMaximum === undefined ? {} : { brokerReceiveMaximum }),
      ...(maxSendRate === undefined ? {} : { maxSendRate }),
    };
  }

  get #credentials(): BrokerCredentials {
    return (this.node.credentials as BrokerCredentials | undefined) ?? {};
  }

  #settingsOf(config: BrokerConfig, credentials: BrokerCredentials): BrokerSettings {
    const { proxyOptions } = this.RED.settings as { proxyOptions?: unknown };
    return brokerSettings(config, credentials, { ...this.surroundings, proxyOptions });
  }
}
