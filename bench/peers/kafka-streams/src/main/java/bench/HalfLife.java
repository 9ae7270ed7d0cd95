package bench;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * The small job: one half-life score a lead, a message when it crosses 50. One thread; all else as Kafka Streams has it by default,
 * but for the store: in memory, as the other contenders' is, and without the cache, which made it slower with 50,000 keys.
 *
 * <p>Arguments: broker, application id, inputs (commas between), output, guarantee, folder, partitions.
 */
public final class HalfLife implements Processor<byte[], byte[], byte[], byte[]> {
  private static final String STORE = "leads";
  private static final double DAY_MS = 86_400_000.0;
  private static final ObjectMapper JSON =
      new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);
  private static final ObjectReader READER = JSON.readerFor(Event.class);
  private static final ObjectWriter WRITER = JSON.writerFor(Crossing.class);

  /** What the job reads of an event. */
  public record Event(String event_id, Properties_ properties) {}

  /** When it happened, in ms since the epoch. */
  public record Properties_(long at) {}

  /** What is told when 50 is crossed, and when it was come to (ms). */
  public record Crossing(String lead, String event_id, double score, long now) {}

  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<byte[], byte[]> leads;

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    this.leads = context.getStateStore(STORE);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    try {
      Event event = READER.readValue(record.value());
      long at = event.properties().at();
      byte[] old = leads.get(record.key());
      double before = 0.0;
      long then = 0L;
      if (old != null) {
        ByteBuffer state = ByteBuffer.wrap(old);
        before = state.getDouble();
        then = state.getLong();
      }
      double after = before * Math.pow(0.5, (at - then) / DAY_MS) + 5.0;
      leads.put(record.key(), ByteBuffer.allocate(16).putDouble(after).putLong(at).array());
      if (before < 50.0 && after >= 50.0) {
        String lead = new String(record.key(), StandardCharsets.UTF_8);
        byte[] value = WRITER.writeValueAsBytes(new Crossing(lead, event.event_id(), after, System.currentTimeMillis()));
        context.forward(record.withValue(value));
      }
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  private static Topology topology(String[] inputs, String output) {
    StoreBuilder<KeyValueStore<byte[], byte[]>> store =
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(STORE), Serdes.ByteArray(), Serdes.ByteArray())
            .withCachingDisabled()
            .withLoggingEnabled(Map.of());
    return new Topology()
        .addSource("events", inputs)
        .addProcessor("score", HalfLife::new, "events")
        .addStateStore(store, "score")
        .addSink("crossings", output, "score");
  }

  public static void main(String[] arguments) {
    Properties settings = new Properties();
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, arguments[0]);
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, arguments[1]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, arguments[4]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, arguments[5]);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put("auto.offset.reset", "earliest");
    settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.ByteArraySerde.class);
    KafkaStreams streams = new KafkaStreams(topology(arguments[2].split(","), arguments[3]), settings);
    streams.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      Runtime.getRuntime().halt(70);
      return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(8))));
    streams.start();
  }
}
