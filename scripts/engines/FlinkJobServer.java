import org.apache.beam.runners.flink.FlinkJobServerDriver;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** The main method of Beam's FlinkJobServerDriver without Google Cloud's classes, which it loads. */
public final class FlinkJobServer {
  private FlinkJobServer() {}

  public static void main(String[] args) {
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
    FlinkJobServerDriver.fromParams(args).run();
  }
}
