/**
 * MQTT sessions that survive: the library below the Node-RED nodes, usable without Node-RED.
 *
 * `openSessionStore` -> `new SessionClient({ store, clientId, connection })` -> `open`, `connect`, `publish`, `close`.
 */

export { acknowledge } from './admin/acknowledge';
export type { AcknowledgementOutcome, AcknowledgementReference } from './client/acknowledgement-reference';
export type { LinkState } from './client/link';
export type { AbandonedReport, UnacknowledgedReport } from './client/manual-acknowledgements';
export type { SessionClientOptions } from './client/options';
export type { DeadLetterLimits } from './client/ports';
export type { Acknowledgement, PublishObserver } from './client/publish-observers';
export type { PurgedCounts } from './client/purges';
export type { AcknowledgementMode, MessageHandler, ReceivedMessage } from './client/router';
export type {
  ClientState,
  DeadLetter,
  DiscardedMessage,
  OpenMessage,
  SessionClientEvents,
  WantedSubscription,
} from './client/session-client';
export { SessionClient } from './client/session-client';
export type { SessionCopy } from './client/session-copy';
export type { ClientCounts, ClientGauges, ClientStatistics } from './client/statistics';
export { assertTopicFilter, assertTopicName } from './client/topics';
export type { TopicAliasWishes } from './connection/topic-alias-wishes';
export type { ConnackDetails, ConnectionEnd, ConnectionOptions, WillMessage } from './connection/types';
export type { SessionErrorCode } from './errors';
export { errorCode, SessionError } from './errors';
export type { McpsV2InflightMessage, McpsV2Session } from './mcps/decode';
export { decodeMcps } from './mcps/decode';
export type { McpsErrorCode } from './mcps/mcps-error';
export { McpsError } from './mcps/mcps-error';
export type { McpsV1InflightMessage, McpsV1Session, McpsV1Subscription } from './mcps/v1';
export { encodeMcpsV1 } from './mcps/v1';
export type { DiscardReason, Report } from './session/effects';
export type { FailureReason } from './session/failure';
export type { Message, MessageOrigin, MessageProperties, QoS, QueuedMessage } from './session/message';
export type { AcknowledgementProperties, ConnectionLimits } from './session/packets';
export type { MessageSource } from './session/records';
export type { Subscription, SubscriptionState } from './session/state';
export type { SubscriptionRequest } from './session/subscriptions';
export { matchesFilter } from './session/topics';
export type { CleanUpOptions, CleanUpResult, ExpiredSession, Removal } from './store/clean-up';
export type { CleanUpUser } from './store/clean-up-timer';
export type { DeadLetterCount } from './store/dead-letters/stored-count';
export type { HolderIdentity } from './store/holder-identity';
export type { Durability } from './store/journal/journal';
export type { SessionStoreOptions, StoreNotice } from './store/session-store';
export { openSessionStore, SessionStore } from './store/session-store';
export type { SessionSummary } from './store/session-summary';
export type { Adoption } from './transfer/adopt';
export { adoptSession } from './transfer/adopt';
export { exportJsonl } from './transfer/jsonl-export';
export type { JsonlImport } from './transfer/jsonl-import';
export { importJsonl } from './transfer/jsonl-import';
export type { McpsV1Loss } from './transfer/mcps-v1-export';
export { exportMcpsV1 } from './transfer/mcps-v1-export';
export type { McpsV1Import } from './transfer/mcps-v1-import';
export { importMcpsV1 } from './transfer/mcps-v1-import';
export type { TransferredMessage, TransferTarget } from './transfer/target';
