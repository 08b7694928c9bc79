import org.apache.beam.runners.spark.SparkJobServerDriver;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** The main method of Beam's SparkJobServerDriver without Google Cloud's classes, which it loads. */
public final class SparkJobServer {
  private SparkJobServer() {}

  public static void main(String[] args) {
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
    SparkJobServerDriver.fromParams(args).run();
  }
}
