/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-bus-generated.h"
#include "lamp-queue.h"
#include "lamp-replay.h"
#include "lamp-secrets.h"
#include "lamp-snapshot.h"
#include "lamp-trend.h"

G_BEGIN_DECLS

#define LAMP_TYPE_SERVICE (lamp_service_get_type ())

/**
 * LampService:
 *
 * The agent on D-Bus (section 7 of the specification); nothing else in the agent
 * knows the bus. Properties are answered from the snapshot, which is never older
 * than the last call that was answered; only the signal that tells of them is
 * held back to 10 a second.
 *
 * Signals "show-window" (GDBusMethodInvocation), "quit" (), "pause" (gboolean): somebody asks for it.
 * Signal "storage-failed" (char *message): an event could not be stored.
 */
G_DECLARE_FINAL_TYPE (LampService, lamp_service, LAMP, SERVICE, LampBusAgent1Skeleton)

LampService *lamp_service_new          (LampQueue    *queue,
                                        LampReplay   *replay,
                                        LampSecrets  *secrets,
                                        LampTrend    *trend);

void         lamp_service_set_snapshot (LampService  *self,
                                        LampSnapshot *snapshot);

G_END_DECLS
