/* SPDX-License-Identifier: GPL-2.0 */
u32 mmiotrace_engine_hello(u32 n);
