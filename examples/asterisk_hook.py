r"""Scores a recorded call; a hook for Asterisk and FreeSWITCH.

Asterisk, in the dial plan (MixMonitor runs a command when the recording is complete):

    same => n,MixMonitor(${UNIQUEID}.wav,r(${UNIQUEID}-in.wav),\
        /usr/bin/python3 /opt/bonafide/asterisk_hook.py --call ${UNIQUEID} ${UNIQUEID}-in.wav)

FreeSWITCH, in the dial plan (runs it after record_session has closed the file):

    <action application="set" data="RECORD_STEREO=true"/>
    <action application="set" data="record_post_process_exec_app=system:\
        /usr/bin/python3 /opt/bonafide/asterisk_hook.py --call ${uuid} ${record_path}"/>
    <action application="record_session" data="${record_path}"/>

Score the caller's side: of a stereo recording `--channel left`. The verdict is a line of JSON on
standard output and in the syslog; the exit code is 0 for bona fide, 3 for spoof, 4 for not sure or
no speech, 1 if there is no score.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import syslog

import bonafide

EXIT_CODES = {"bona fide": 0, "spoof": 3, "not sure": 4, "no speech": 4}


def main() -> int:
    """Scores the call and returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording")
    parser.add_argument("--call", default="", help="id of the call, for the log")
    parser.add_argument("--channel", default="auto", help="auto, each, mix, left or right")
    parser.add_argument("--url", default="http://127.0.0.1:8766")
    options = parser.parse_args()
    try:
        with bonafide.Client(options.url, token=os.environ.get("BONAFIDE_TOKEN")) as client:
            scores = client.score(options.recording, channel=options.channel, segments=False)
    except (bonafide.ApiError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    [found] = scores.recordings
    verdict = {
        "call": options.call,
        "decision": found.decision,
        "score": found.score,
        "speech": found.speech,
        "unlike_training": found.unlike_training,
        "model": scores.model_version,
        "request_id": scores.request_id,
    }
    line = json.dumps(verdict)
    print(line)
    syslog.openlog("bonafide")
    syslog.syslog(syslog.LOG_WARNING if found.decision == "spoof" else syslog.LOG_INFO, line)
    return EXIT_CODES[found.decision]


if __name__ == "__main__":
    sys.exit(main())
