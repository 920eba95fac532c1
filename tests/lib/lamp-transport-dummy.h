/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-transport.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TRANSPORT_DUMMY (lamp_transport_dummy_get_type ())

/**
 * LampTransportDummy:
 *
 * A server that does as it is told, without a network. A batch gets the outcome that
 * was pushed first, or else what the judge says, or else every event is accepted.
 * Answers come with a turn of the main loop, unless requests are held.
 */
G_DECLARE_FINAL_TYPE (LampTransportDummy, lamp_transport_dummy, LAMP, TRANSPORT_DUMMY, GObject)

/**
 * LampTransportJudge:
 *
 * Returns: (transfer full) (nullable): the outcome of a batch; %NULL accepts it
 */
typedef LampOutcome *(*LampTransportJudge) (LampBatch *batch,
                                            gpointer   user_data);

LampTransportDummy *lamp_transport_dummy_new             (void);

/**
 * lamp_transport_dummy_set_origin:
 * @origin: (nullable): %NULL for no server
 */
void                lamp_transport_dummy_set_origin      (LampTransportDummy *self,
                                                          const char         *origin);

/**
 * lamp_transport_dummy_push:
 *
 * Tells what becomes of the next batch. With %LAMP_OUTCOME_ANSWERED all is accepted;
 * %LAMP_OUTCOME_THROTTLED asks for 7 s.
 */
void                lamp_transport_dummy_push            (LampTransportDummy *self,
                                                          LampOutcomeKind     kind);

/**
 * lamp_transport_dummy_push_verdict:
 * @index: the place of an event in the next batch; the others are accepted
 */
void                lamp_transport_dummy_push_verdict    (LampTransportDummy *self,
                                                          LampOutcomeKind     kind,
                                                          guint               index,
                                                          LampVerdictKind     verdict,
                                                          const char         *code,
                                                          const char         *message);

void                lamp_transport_dummy_set_judge       (LampTransportDummy *self,
                                                          LampTransportJudge  judge,
                                                          gpointer            user_data);

/**
 * lamp_transport_dummy_set_health:
 * @limits: (nullable): what the server says of itself
 *
 * Tells what becomes of probes from now on.
 */
void                lamp_transport_dummy_set_health      (LampTransportDummy *self,
                                                          LampOutcomeKind     kind,
                                                          const LampLimits   *limits);

/**
 * lamp_transport_dummy_hold:
 *
 * From now on requests, also those under way, wait for lamp_transport_dummy_release().
 */
void                lamp_transport_dummy_hold            (LampTransportDummy *self);

void                lamp_transport_dummy_release         (LampTransportDummy *self);

guint               lamp_transport_dummy_get_n_in_flight (LampTransportDummy *self);

guint               lamp_transport_dummy_get_n_probes    (LampTransportDummy *self);

guint               lamp_transport_dummy_get_n_batches   (LampTransportDummy *self);

/**
 * lamp_transport_dummy_get_batch:
 *
 * Returns: (transfer none): the ids of the events in a batch that was sent
 */
const char *const  *lamp_transport_dummy_get_batch       (LampTransportDummy *self,
                                                          guint               index);

guint               lamp_transport_dummy_get_size        (LampTransportDummy *self,
                                                          guint               index);

/**
 * lamp_transport_dummy_get_taken:
 *
 * Returns: (transfer none) (element-type utf8): the ids that the server took, in order,
 *   one it took twice twice
 */
GPtrArray          *lamp_transport_dummy_get_taken       (LampTransportDummy *self);

G_END_DECLS
