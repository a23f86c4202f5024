"""Prints every counter value of a Perfetto trace: time, track, value. Perfetto's own schema decodes it."""
import sys
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent

trace = Trace()
trace.ParseFromString(open(sys.argv[1], "rb").read())
names, parents = {}, {}


def path(uuid):
    """The track's name after those that hold it, without the root's."""
    words = []
    while parents.get(uuid):
        words.insert(0, names[uuid])
        uuid = parents[uuid]
    return "/".join(words).replace(" ", "_")


for packet in trace.packet:
    if packet.HasField("track_descriptor"):
        names[packet.track_descriptor.uuid] = packet.track_descriptor.name
        parents[packet.track_descriptor.uuid] = packet.track_descriptor.parent_uuid
    elif packet.HasField("track_event"):
        event = packet.track_event
        assert event.track_uuid in names, "an event on a track that is not described"
        if event.type == TrackEvent.TYPE_COUNTER:
            value = event.counter_value & 0xFFFFFFFFFFFFFFFF
            print("counter", packet.timestamp, path(event.track_uuid), hex(value))
        elif event.type == TrackEvent.TYPE_INSTANT:
            notes = {note.name: note for note in event.debug_annotations}
            if "phys" in notes:
                print("access", packet.timestamp, event.name[0], notes["width"].uint_value,
                      hex(notes["phys"].pointer_value), notes["value"].string_value)
            else:
                print("instant", names[event.track_uuid], event.name.encode("unicode_escape").decode())
