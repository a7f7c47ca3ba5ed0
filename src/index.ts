/**
 * MQTT sessions that survive: the library below the Node-RED nodes, usable without Node-RED.
 *
 * `openSessionStore` -> `new SessionClient({ store, clientId, connection })` -> `open`, `connect`, `publish`, `close`.
 */

export type { ClientEnvironment, SessionClientOptions } from './client/options';
export type { Acknowledgement, PublishObserver } from './client/publish-observers';
export type { MessageHandler, ReceivedMessage } from './client/router';
export type { ClientState, DiscardedMessage, SessionClientEvents } from './client/session-client';
export { SessionClient } from './client/session-client';
export type { ClientStatistics } from './client/statistics';
export { assertTopicFilter, assertTopicName, matchesFilter } from './client/topics';
export type { ConnectionEnd, ConnectionOptions, WillMessage } from './connection/types';
export type { SessionErrorCode } from './errors';
export { errorCode, SessionError } from './errors';
export type { Message, MessageOrigin, MessageProperties, QoS, QueuedMessage } from './session/message';
export type { Subscription } from './session/state';
export type { SubscriptionRequest } from './session/subscriptions';
export type { SessionStoreOptions } from './store/session-store';
export { openSessionStore, SessionStore } from './store/session-store';
