/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-error.h"

G_DEFINE_QUARK (lamp-error-quark, lamp_error)
