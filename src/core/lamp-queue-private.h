/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-queue.h"
#include "lamp-store.h"

G_BEGIN_DECLS

/* For the files that hold operations of the queue: lamp-queue-*. */

LampStore *lamp_queue_get_store  (LampQueue       *self);

/* To be called with the numbers of each job that was run. */
void       lamp_queue_take_tally (LampQueue       *self,
                                  const LampTally *tally);

G_END_DECLS
