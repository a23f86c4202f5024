/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define regUNIT_CNTL                                            0x0012
#define regUNIT_CNTL_BASE_IDX                                   0
#define regUNIT_STATUS                                          0x0013
#define regUNIT_STATUS_BASE_IDX                                 0
